"""The daemon's socket when it is hard pressed: at its start, at its end, without files, without its own file."""

import resource
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from testkit.daemons import KWSD, DaemonProcess, Manager, Plug, eventually, phrase, running
from testkit.serving import Client
from testkit.tiny_model import silence, speak

PIPE: dict[str, Any] = {"program": (KWSD,), "stdin": subprocess.PIPE, "stdout": subprocess.PIPE}


def pcm(*texts: str) -> bytes:
    """Phrases as they go into a pipe."""
    return (np.concatenate([phrase(text) for text in texts]) * 32767).astype("<i2").tobytes()


def say(daemon: DaemonProcess, sound: bytes) -> None:
    assert daemon.process.stdin is not None
    daemon.process.stdin.write(sound)
    daemon.process.stdin.flush()


def connect(daemon: DaemonProcess) -> Client | None:
    try:
        return Client(daemon.socket_path)
    except OSError:
        return None


def test_who_connects_before_it_hears_is_told_of_everything(tmp_path: Path, tiny_model_dir: Path) -> None:
    """Scenario.

    1. Sound lies in the pipe before the daemon is there; 100 clients connect as soon as there is a socket, which is
       while the model is loaded.

    Result: every one of them gets hello, then every detection.
    """
    with running(tmp_path, tiny_model_dir, "--input", "-", wait=False, **PIPE) as daemon:
        say(daemon, pcm("LIGHT ON"))
        assert eventually(daemon.socket_path.exists, 20)
        clients: list[Client] = []
        while len(clients) < 100:
            clients += [client] if (client := connect(daemon)) else []
        assert daemon.process.stdin is not None
        daemon.process.stdin.close()
        for client in clients:
            with client:
                assert client.read()["type"] == "hello"
                assert client.read_until("detection")["keyword"] == "LIGHT ON"
        assert daemon.wait() == 0


@pytest.mark.parametrize("stopped", [True, False])
def test_what_was_accepted_before_sigterm_is_heard_out(tmp_path: Path, tiny_model_dir: Path, stopped: bool) -> None:
    """Scenario.

    1. Phrases are in the pipe and in the inbox, not yet heard, when SIGTERM comes; the daemon may have been held up.

    Result: a subscriber and standard output are told of every one; exit code 0, in time.
    """
    words = ["LIGHT ON", "TURN OFF"] * 2
    with running(tmp_path, tiny_model_dir, "--input", "-", "--json", **PIPE) as daemon:
        client, _ = daemon.client()
        if stopped:
            daemon.signal(signal.SIGSTOP)
            words = words[:1]
        say(daemon, pcm(*words))
        asked_s = time.monotonic()
        daemon.signal(signal.SIGTERM)
        daemon.signal(signal.SIGCONT)
        told = [client.read_until("detection")["keyword"] for _ in words]
        assert daemon.wait() == 0
        assert time.monotonic() - asked_s < 1.5
        assert told == words
        assert daemon.process.stdout is not None
        assert daemon.process.stdout.read().count(b'"detection"') == len(words)
        client.close()


def test_a_backlog_too_long_to_hear_out_is_dropped_and_told(tmp_path: Path, tiny_model_dir: Path) -> None:
    """Decoding that hangs does not keep the daemon from ending; how much is not heard any more is in the log."""
    program = (sys.executable, str(Path(__file__).parents[2] / "testkit" / "kwsd_with_faults.py"), str(tmp_path))
    pipe = PIPE | {"program": program}
    with running(tmp_path, tiny_model_dir, "--input", "-", **pipe) as daemon:
        (tmp_path / "hang").touch()
        say(daemon, pcm("LIGHT ON"))
        time.sleep(0.3)
        asked_s = time.monotonic()
        daemon.signal(signal.SIGTERM)
        daemon.wait()
        assert time.monotonic() - asked_s < 2.0
        assert any("are not heard any more" in line for line in daemon.log)


def files_allowed(number: int) -> Callable[[], None]:
    def set_limit() -> None:
        resource.setrlimit(resource.RLIMIT_NOFILE, (number, number))

    return set_limit


def test_without_files_whoever_is_there_loses_nothing(tmp_path: Path, tiny_model_dir: Path) -> None:
    """Scenario, under a service manager, with 64 files allowed.

    1. One subscriber is there. 2. A hundred more connect: those beyond half of the files are refused, with the reason.
    3. A phrase is said; the keyword list is reloaded; the others go.

    Result: the subscriber gets it and the manager is told; afterwards everything is as before; few lines of log.
    """
    manager = Manager(tmp_path)
    limited = PIPE | {"preexec_fn": files_allowed(64), "environment": manager.environment()}
    with running(tmp_path, tiny_model_dir, "--input", "-", **limited) as daemon:
        subscriber, _ = daemon.client()
        others = [client for _ in range(100) if (client := connect(daemon))]
        assert "connections already; close some" in others[-1].read()["error"]
        say(daemon, pcm("LIGHT ON"))
        assert subscriber.read_until("detection")["keyword"] == "LIGHT ON"
        assert subscriber.ask(command="reload")["ok"]
        for client in others:
            client.close()
        gone = {"subscribers": 1}
        assert eventually(lambda: subscriber.ask(command="status")["data"].items() >= gone.items())
        assert daemon.ask(command="status")["ok"]
        assert sum("refused" in line for line in daemon.log) == 1
        daemon.signal(signal.SIGTERM)
        assert daemon.wait() == 0
        assert eventually(lambda: manager.times("STOPPING"))
        subscriber.close()
    manager.close()


def connected(daemon: DaemonProcess) -> bool:
    client = connect(daemon)
    if client is None:
        return False
    with client:
        return bool(client.read()["type"] == "hello")


def test_a_socket_that_was_removed_is_made_anew(tmp_path: Path, tiny_model_dir: Path) -> None:
    """By a cleaner of temporary files; whoever is connected notices nothing."""
    with running(tmp_path, tiny_model_dir, "--input", "-", **PIPE) as daemon:
        subscriber, _ = daemon.client()
        daemon.socket_path.unlink()
        assert eventually(lambda: daemon.socket_path.exists() and connected(daemon), 12)
        assert subscriber.ask(command="status")["ok"]
        assert sum("was removed" in line for line in daemon.log) == 1
        subscriber.close()


@pytest.mark.parametrize("unbuffered", ["", "1"])
@pytest.mark.parametrize("fault", ["full", "closed"])
def test_standard_output_that_takes_nothing_is_said_once(
    tmp_path: Path, tiny_model_dir: Path, fault: str, unbuffered: str
) -> None:
    """Subscribers are told all the same, and SIGTERM ends it well."""
    shell = ("bash", "-c", f'exec "$0" "$@" {"> /dev/full" if fault == "full" else ">&-"}', KWSD)
    own: dict[str, Any] = {"program": shell, "stdin": subprocess.PIPE, "environment": {"PYTHONUNBUFFERED": unbuffered}}
    with running(tmp_path, tiny_model_dir, "--input", "-", **own) as daemon:
        client, _ = daemon.client()
        with client:
            for _ in range(3):
                say(daemon, pcm("LIGHT ON"))
                assert client.read_until("detection")["keyword"] == "LIGHT ON"
        daemon.signal(signal.SIGTERM)
        assert daemon.wait() == 0
        assert sum("standard output cannot be written" in line for line in daemon.log) == 1
        assert "Traceback" not in "\n".join(daemon.log)


def seconds_to_end_within_an_order(directory: Path, model: Path, plug: Plug) -> float:
    """As below."""
    (directory / "wake.toml").write_text('[[keyword]]\nphrase = "hey light"\nlisten = true\n')
    (directory / "kwsd.toml").write_text('[transcripts]\ntranscriber = "command"\ncommand = "sleep 60"\n')
    (directory / "hang").unlink(missing_ok=True)
    of = ("--keywords", str(directory / "wake.toml"), "--config", str(directory / "kwsd.toml"), "--exec", "sleep 60")
    order = np.concatenate([speak("HEY LIGHT", lead_s=0.3), speak("TURN OFF")])
    with running(directory, model, *of) as daemon:
        assert eventually(lambda: plug.is_open)
        client, _ = daemon.client()
        with client:
            for _ in range(2):
                plug.say(np.concatenate([order, silence(2.0)]))
                client.read_until("speech_end")
            plug.say(order)
            client.read_until("speech_start")
            (directory / "hang").touch()
            time.sleep(0.5)
            asked_s = time.monotonic()
            daemon.signal(signal.SIGTERM)
            errors = {client.read_until("transcript")["error"] for _ in range(2)}
            assert daemon.wait() == 0
            assert errors == {"the transcript was called off"}
            return time.monotonic() - asked_s


def test_sigterm_within_an_order_is_obeyed_in_time_whatever_still_runs(
    tmp_path: Path, tiny_model_dir: Path, plug: Plug
) -> None:
    """Scenario.

    1. Programs of `--exec` run on and on, and those that write down two orders. 2. A third order is being said, and
    decoding hangs. 3. SIGTERM.

    Result: it ends well, and on a machine that has time for it within 1.5 s; a subscriber is told of both orders that
    they have no text, and why.
    """
    assert any(seconds_to_end_within_an_order(tmp_path, tiny_model_dir, plug) < 1.5 for _ in range(4))
