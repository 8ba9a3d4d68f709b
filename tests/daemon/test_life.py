"""How a daemon starts, what it refuses, and how it ends."""

import json
import os
import pty
import shutil
import signal
import socket
import subprocess
import sys
import time
from contextlib import suppress
from itertools import permutations
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

from testkit.daemons import KWSD, PROGRAM, Plug, eventually, phrase, running
from testkit.tiny_model import speak


def test_sigterm_ends_it_within_a_second_with_the_last_events_sent(
    tmp_path: Path, tiny_model_dir: Path, plug: Plug
) -> None:
    """Scenario.

    1. A phrase has just been said; it is not decided yet, or its event has not been read.
    2. SIGTERM.

    Result: within 1 s the process has ended with 0; the subscriber has been sent the detection; the socket is gone.
    """
    with running(tmp_path, tiny_model_dir) as daemon:
        client, _ = daemon.client()
        assert eventually(lambda: plug.is_open)
        plug.say_all(speak("LIGHT ON", lead_s=0.3, tail_s=0.3))
        asked_s = time.monotonic()
        daemon.signal(signal.SIGTERM)
        assert daemon.wait() == 0
        assert time.monotonic() - asked_s < 1.0
        assert client.read_until("detection")["keyword"] == "LIGHT ON"
        with pytest.raises(EOFError):
            client.read()
        assert not daemon.socket_path.exists()
        client.close()


def test_sigterm_while_it_loads_is_a_clean_end(tmp_path: Path, tiny_model_dir: Path) -> None:
    """Its socket is made first: from then on a second passes until it hears."""
    for _ in range(3):
        with running(tmp_path, tiny_model_dir, "--input", "mic", program=(KWSD,), wait=False) as daemon:
            assert eventually(daemon.socket_path.exists, 30)
            daemon.signal(signal.SIGTERM)
            assert daemon.wait(30) == 0, daemon.log
            assert not daemon.socket_path.exists()


def test_killed_and_started_again(tmp_path: Path, tiny_model_dir: Path, plug: Plug) -> None:
    """SIGKILL leaves the socket's file behind; the next start replaces it and serves."""
    with running(tmp_path, tiny_model_dir) as daemon:
        daemon.signal(signal.SIGKILL)
        daemon.wait()
        assert daemon.socket_path.is_socket()
    with running(tmp_path, tiny_model_dir) as daemon:
        client, hello = daemon.client()
        assert hello["keywords"]
        assert eventually(lambda: plug.is_open)
        plug.say(phrase("LIGHT ON"))
        client.read_until("detection")
        client.close()


def test_it_tells_nobody_outside(tmp_path: Path, tiny_model_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """From 1.29 on onnxruntime keeps a file of what it reports to Microsoft, unless it is told not to report."""
    monkeypatch.delenv("CI", raising=False)  # where it reports nothing anyway
    home = {"HOME": str(tmp_path / "home"), "XDG_CACHE_HOME": str(tmp_path / "home" / "cache")}
    (tmp_path / "home").mkdir()
    with running(tmp_path, tiny_model_dir, environment=home) as daemon:
        daemon.signal(signal.SIGTERM)
        daemon.wait()
    assert list((tmp_path / "home").rglob("*")) == []


def test_a_second_instance_is_refused_and_the_first_not_disturbed(tmp_path: Path, tiny_model_dir: Path) -> None:
    with running(tmp_path, tiny_model_dir) as first:
        client, _ = first.client()
        (tmp_path / "second").mkdir()
        socket_again = ("--socket", str(first.socket_path))
        with running(tmp_path / "second", tiny_model_dir, *socket_again, wait=False) as second:
            assert second.wait() == 1
            assert f"another kwsd (process {first.process.pid}) listens on {first.socket_path}" in second.log[-1]
        assert client.ask(command="status")["ok"]
        client.close()


def test_a_pipe_with_a_socket_ends_with_its_sound(tmp_path: Path, tiny_model_dir: Path) -> None:
    """`… | kwsd --input - --socket S --json`: detections on both, exit code 0 when the pipe ends."""
    sound = (np.concatenate([phrase("LIGHT ON"), phrase("TURN OFF")]) * 32767).astype("<i2").tobytes()
    pipes: dict[str, Any] = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    with running(tmp_path, tiny_model_dir, "--input", "-", "--json", program=(KWSD,), **pipes) as daemon:
        client, hello = daemon.client()
        assert hello["microphone"]["name"] in {"-", "stdin"}
        out, _ = daemon.process.communicate(sound, timeout=20)
        assert daemon.wait() == 0
        printed = [json.loads(line)["keyword"] for line in out.splitlines()]
        assert printed == ["LIGHT ON", "TURN OFF"]
        assert [client.read_until("detection")["keyword"] for _ in range(2)] == printed
        client.close()


def test_it_ends_when_nobody_reads_its_output(tmp_path: Path, tiny_model_dir: Path, plug: Plug) -> None:
    """`kwsd … | head -n 1` ends, quietly."""
    with running(tmp_path, tiny_model_dir, stdout=subprocess.PIPE) as daemon:
        assert daemon.process.stdout is not None
        assert eventually(lambda: plug.is_open)
        daemon.process.stdout.close()
        plug.say(phrase("LIGHT ON"))
        assert daemon.wait() == 0
        assert "Traceback" not in "\n".join(daemon.log)


def test_it_hears_on_where_nobody_reads_its_log(tmp_path: Path, tiny_model_dir: Path, plug: Plug) -> None:
    """Scenario.

    1. What takes the log stops, as a terminal by Ctrl-S or a container's log driver, and the pipe to it is full.
    2. The microphone is pulled out, which is logged, and plugged in again; a phrase is said. 3. SIGTERM.

    Result: all of it is told to subscribers, and it ends within its second.
    """
    log = tmp_path / "log.pipe"
    os.mkfifo(log)
    unread = os.open(log, os.O_RDONLY | os.O_NONBLOCK)
    program = ("sh", "-c", f'exec "$0" "$@" 2>{log}', sys.executable, str(PROGRAM), str(tmp_path))
    with running(tmp_path, tiny_model_dir, program=program) as daemon:
        assert eventually(lambda: plug.is_open)
        client, _ = daemon.client()
        filling = os.open(log, os.O_WRONLY | os.O_NONBLOCK)
        with suppress(BlockingIOError):
            while True:
                os.write(filling, b"x")
        with client:
            plug.pull_out()
            client.read_until("mic_lost")
            plug.plug_in()
            client.read_until("mic_recovered")
            plug.say(phrase("LIGHT ON"))
            client.read_until("detection")
            daemon.signal(signal.SIGTERM)
            assert daemon.wait(3) == 0
    os.close(unread)
    os.close(filling)


def test_it_ends_when_its_terminal_is_closed(tmp_path: Path, tiny_model_dir: Path, plug: Plug) -> None:
    """SIGHUP means reload, but not when it says that the terminal is gone: that daemon nobody could find again."""
    controller, terminal = pty.openpty()
    tty: dict[str, Any] = {"stdin": terminal, "stdout": terminal, "start_new_session": True}
    program = (
        "setsid",
        "--ctty",
        "--wait",
        sys.executable,
        str(Path(__file__).parents[2] / "testkit" / "kwsd_with_faults.py"),
    )
    with running(tmp_path, tiny_model_dir, program=(*program, str(tmp_path)), **tty) as daemon:
        os.close(terminal)
        assert eventually(lambda: plug.is_open)
        os.close(controller)
        assert eventually(lambda: not plug.is_open and not daemon.socket_path.exists())


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (("--exec", "no-such-program"), "exec: no-such-program: no such program"),
        (("--save-detections", "/proc/nowhere"), "save_detections: /proc/nowhere"),
        (("--socket", "/proc/nowhere/s"), "socket: /proc/nowhere/s"),
    ],
)
def test_wrong_settings_end_it_with_78(
    tmp_path: Path, tiny_model_dir: Path, arguments: tuple[str, ...], complaint: str
) -> None:
    with running(tmp_path, tiny_model_dir, *arguments, wait=False) as daemon:
        assert daemon.wait(20) == 78
        assert complaint in daemon.log[-1]
        assert not (tmp_path / "s").exists()


def test_an_unknown_group_is_a_wrong_setting(tmp_path: Path, tiny_model_dir: Path) -> None:
    environment = {"KWSD_DAEMON_COMMAND_GROUP": "nosuchgroup"}
    with running(tmp_path, tiny_model_dir, wait=False, environment=environment) as daemon:
        assert daemon.wait(20) == 78
        assert 'command_group: there is no group "nosuchgroup"' in daemon.log[-1]


def test_detections_are_saved_and_commands_run(tmp_path: Path, tiny_model_dir: Path, plug: Plug) -> None:
    """`--save-detections` and `--exec` on a running daemon."""
    arguments = ("--save-detections", str(tmp_path / "clips"), "--exec", f"touch {tmp_path}/done")
    with running(tmp_path, tiny_model_dir, *arguments):
        assert eventually(lambda: plug.is_open)
        plug.say(phrase("LIGHT ON"))
        assert eventually((tmp_path / "done").exists)
        assert eventually(lambda: list((tmp_path / "clips").glob("*-1-light_on.wav")))


def test_a_socket_that_systemd_opened_is_used_and_left(tmp_path: Path, tiny_model_dir: Path) -> None:
    """Scenario, with systemd's own `systemd-socket-activate`.

    1. It listens on a socket and starts the daemon at the first connection, handing the socket over.

    Result: that connection gets its hello; the socket's file stays when the daemon has ended.
    """
    activate = shutil.which("systemd-socket-activate")
    if activate is None:
        pytest.skip("needs apt package systemd")
    path = tmp_path / "handed"
    (tmp_path / "keywords.txt").write_text("LIGHT ON\n")
    daemon = [KWSD, "--keywords", str(tmp_path / "keywords.txt"), "--model", str(tiny_model_dir), "--input", "mic"]
    with subprocess.Popen([activate, "-l", str(path), *daemon], stderr=subprocess.DEVNULL) as process:
        with socket.socket(socket.AF_UNIX) as client:
            client.settimeout(20)
            # it listens a moment after the file is there
            listening = eventually(lambda: path.is_socket() and client.connect_ex(str(path)) == 0)
            try:
                assert listening
                assert json.loads(client.makefile("rb").readline())["type"] == "hello"
            finally:
                process.terminate()
            assert process.wait(10) == 0
        assert path.is_socket()


def test_files_and_what_else_is_to_be_done_of_their_detections(tmp_path: Path, tiny_model_dir: Path) -> None:
    """`kwsd FILE --exec … --save-detections DIR`: both are done, and waited for; there is no socket to connect to."""
    (tmp_path / "keywords.txt").write_text("LIGHT ON\n")
    soundfile.write(tmp_path / "sound.wav", phrase("LIGHT ON"), 16_000)
    words = ("--keywords", "keywords.txt", "--model", str(tiny_model_dir), "--input", "sound.wav")
    environment = os.environ | {"XDG_RUNTIME_DIR": str(tmp_path), "XDG_STATE_HOME": str(tmp_path / "state")}

    def kwsd(*more: str) -> "subprocess.CompletedProcess[str]":
        command = [KWSD, *words, *more]
        return subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)

    done = kwsd("--exec", "sh -c 'sleep 0.5; touch ran'", "--save-detections", "saved")
    assert (done.returncode, done.stdout.count("LIGHT ON")) == (0, 1), done.stderr
    assert (tmp_path / "ran").exists()
    assert list((tmp_path / "saved").glob("*-1-light_on.wav"))
    assert not list(tmp_path.rglob("*.sock"))
    refused = kwsd("--clips")
    assert refused.returncode == 2
    assert "--socket" in refused.stderr
    several = kwsd("--input", "sound.wav", "--exec", "touch ran")
    assert several.returncode == 2
    assert "one input" in several.stderr


def test_signals_that_mean_nothing_do_not_end_it(tmp_path: Path, tiny_model_dir: Path) -> None:
    with running(tmp_path, tiny_model_dir) as daemon:
        for number in (signal.SIGUSR1, signal.SIGUSR2, signal.SIGUSR1):
            daemon.signal(number)
        assert eventually(lambda: any("SIGUSR2 means nothing here" in line for line in daemon.log))
        assert daemon.ask(command="status")["ok"]


CARELESS = """
import os, signal, sys
signal.signal(signal.SIGCHLD, signal.SIG_IGN)
signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM, signal.SIGHUP, signal.SIGCHLD})
os.execv(sys.executable, [sys.executable, *sys.argv[1:]])
"""


def test_a_storm_of_hangups_is_a_few_reloads(tmp_path: Path, tiny_model_dir: Path) -> None:
    """Scenario.

    1. Of a list that takes a while to be made ready (840 phrases: some 80 ms on a fast machine), 80 reloads are asked
    for within half a second; before the last of them the file is changed.

    Result: it has been read a few times and not 80, and what it says now is in force, as soon as somebody asks.
    """
    words = ["LIGHT", "ON", "TURN", "OFF", "UP", "DOWN", "HEY"]
    phrases = [" ".join(each) for each in permutations(words, 4)]
    environment = {"KWSD_DAEMON_WATCH_KEYWORDS": "false"}
    with running(tmp_path, tiny_model_dir, keywords="\n".join(phrases), environment=environment) as daemon:
        for number in range(80):
            if number == 79:
                (tmp_path / "keywords.txt").write_text("TURN OFF\n")
            daemon.signal(signal.SIGHUP)
            time.sleep(0.005)
        assert eventually(lambda: daemon.ask(command="status")["data"]["keywords"] == ["TURN OFF"], 30)
        time.sleep(1)  # for those that would still wait
        assert daemon.ask(command="status")["data"]["reloads"] < 40


def test_signals_that_a_parent_ignores_or_blocks_are_heard(tmp_path: Path, tiny_model_dir: Path, plug: Plug) -> None:
    program = (sys.executable, "-c", CARELESS, str(PROGRAM), str(tmp_path))
    with running(tmp_path, tiny_model_dir, "--exec", f"{sys.executable} -c exit(7)", program=program) as daemon:
        plug.say(phrase("LIGHT ON"))
        assert eventually(lambda: any("exited with 7" in line for line in daemon.log)), daemon.log
        daemon.signal(signal.SIGHUP)
        assert eventually(lambda: any("keywords in force" in line for line in daemon.log))
        daemon.signal(signal.SIGTERM)
        assert daemon.wait(3) == 0
