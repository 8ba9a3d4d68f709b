"""`kwsctl` with a daemon that hangs, is something else, or may not be spoken to: a line in time, and never a yes."""

import json
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from testkit.commands import KWSCTL, run

HELLO: dict[str, Any] = {
    "type": "hello",
    "time": "2026-11-21T09:12:44.310261+00:00",
    "protocol": 1,
    "keywords": ["lights on"],
    "model": "a\x1b[2Jb\u009b1m",
    "microphone": {"name": "usb\u202e", "open": True},
    "state": "listening",
}
Talk = Callable[[socket.socket], object]


def line(**record: Any) -> bytes:
    return json.dumps(record).encode() + b"\n"


@pytest.fixture
def serve(tmp_path: Path) -> Iterator[Callable[[Talk], Path]]:
    """Serves connections in a way of one's own, and keeps them open."""
    listener, kept = socket.socket(socket.AF_UNIX), []

    def start(talk: Talk) -> Path:
        listener.bind(str(tmp_path / "s"))
        listener.listen()

        def accept() -> None:
            connection, _ = listener.accept()
            kept.append(connection)
            talk(connection)

        threading.Thread(target=accept, daemon=True).start()
        return tmp_path / "s"

    with closing(listener):
        yield start
    for connection in kept:
        connection.close()


@pytest.mark.parametrize(
    ("sent", "said"),
    [
        (b"", "does not answer within 0.5 s"),
        (line(**HELLO)[:40], "does not answer within 0.5 s"),
        (line(**HELLO), "does not answer within 0.5 s"),
        (b"220 mail.example ESMTP\n", "is no kwsd: it says b'220 mail.example ESMTP'"),
        (line(**HELLO | {"protocol": 2}), "speaks another protocol"),
        (line(type="reply", ok=False, error="there are 512 connections already"), "512 connections already"),
    ],
)
def test_a_daemon_that_does_not_answer_is_told_in_time(
    tmp_path: Path, serve: Callable[[Talk], Path], sent: bytes, said: str
) -> None:
    path = serve(lambda connection: connection.sendall(sent))
    done = run(KWSCTL, "status", "--socket", path, "--timeout", "0.5", home=tmp_path)
    assert done.returncode == 1
    assert said in done.stderr
    assert str(path) in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_a_socket_that_takes_no_connection_is_told_in_time(tmp_path: Path) -> None:
    with closing(socket.socket(socket.AF_UNIX)) as listener:
        listener.bind(str(tmp_path / "s"))
        listener.listen(0)
        waiting = [socket.socket(socket.AF_UNIX) for _ in range(3)]
        for client in waiting:
            client.setblocking(False)
            client.connect_ex(str(tmp_path / "s"))
        done = run(KWSCTL, "mute", "--socket", tmp_path / "s", "--timeout", "0.5", home=tmp_path)
        for client in waiting:
            client.close()
    assert (done.returncode, "does not answer" in done.stderr) == (1, True)


def test_no_daemon_and_one_that_has_gone_have_remedies(tmp_path: Path) -> None:
    with closing(socket.socket(socket.AF_UNIX)) as listener:
        listener.bind(str(tmp_path / "gone"))
    for name, reason in (("none", "no daemon at"), ("gone", "no daemon listens at")):
        done = run(KWSCTL, "status", "--socket", tmp_path / name, home=tmp_path)
        assert reason in done.stderr
        assert "start `kwsd --keywords FILE`" in done.stderr
        assert "KWSD_DAEMON_SOCKET" in done.stderr


@pytest.mark.parametrize(("path", "what"), [("file", "no socket"), (".", "a directory")])
def test_what_is_no_socket_is_called_so(tmp_path: Path, path: str, what: str) -> None:
    (tmp_path / "file").touch()
    done = run(KWSCTL, "status", "--socket", tmp_path / path, home=tmp_path)
    assert done.returncode == 1
    assert f"is {what}; or say where it listens" in done.stderr


def test_a_reload_done_in_part_has_an_exit_code_of_its_own(tmp_path: Path, serve: Callable[[Talk], Path]) -> None:
    def talk(connection: socket.socket) -> None:
        connection.sendall(line(**HELLO))
        asked = json.loads(connection.recv(1000))
        connection.sendall(line(type="mic_lost", reason="", time="", microphone=""))  # comes in between
        data = {"keywords": ["a"], "problems": ["k.txt:2: is \x1b[31mred"]}
        connection.sendall(line(type="reply", request_id=asked["request_id"], ok=True, error=None, data=data))

    done = run(KWSCTL, "reload", "--socket", serve(talk), home=tmp_path)
    assert (done.returncode, done.stdout) == (3, "keywords in force: 1\n")
    assert "k.txt:2: is \\u001b[31mred" in done.stderr


@pytest.mark.parametrize("flags", [(), ("--json",)])
def test_what_others_have_named_commands_no_terminal(
    tmp_path: Path, serve: Callable[[Talk], Path], flags: tuple[str, ...]
) -> None:
    def talk(connection: socket.socket) -> None:
        connection.sendall(line(**HELLO))
        connection.shutdown(socket.SHUT_WR)

    done = run(KWSCTL, "listen", *flags, "--socket", serve(talk), home=tmp_path)
    assert "u001b" in done.stdout
    assert not any(sign in done.stdout for sign in "\x1b\u009b\u202e")


def test_lines_of_a_keyword_file_can_be_set(tmp_path: Path, serve: Callable[[Talk], Path]) -> None:
    asked: list[Any] = []

    def talk(connection: socket.socket) -> None:
        connection.sendall(line(**HELLO))
        asked.append(json.loads(connection.recv(1000)))
        reply = {"request_id": asked[0]["request_id"], "ok": True, "error": None, "data": {"keywords": ["me"]}}
        connection.sendall(line(type="reply", **reply))

    done = run(KWSCTL, "keywords", "--set", "hey jarvis :1.5 @me", "stop", "--socket", serve(talk), home=tmp_path)
    assert done.stdout == "me\n"
    assert asked[0]["keywords"] == [{"phrase": "hey jarvis", "name": "me", "boost": 1.5}, "stop"]


def test_a_line_that_no_keyword_file_takes_is_refused_before_it_is_sent(
    tmp_path: Path, serve: Callable[[Talk], Path]
) -> None:
    path = serve(lambda connection: connection.sendall(line(**HELLO)))
    done = run(KWSCTL, "keywords", "--set", "stop :loud", "--socket", path, home=tmp_path)
    assert (done.returncode, done.stdout) == (2, "")
    assert '--set "stop :loud"' in done.stderr


def test_a_full_disk_is_no_mistake_of_kwsd(tmp_path: Path) -> None:
    done = run("sh", "-c", f"{KWSCTL} models list > /dev/full", home=tmp_path)
    assert done.returncode == 1
    assert "kwsctl: cannot write to standard output: No space left on device" in done.stderr
    assert "internal error" not in done.stderr


def test_letters_that_an_output_lacks_are_escaped(tmp_path: Path) -> None:
    ascii_only = {"PYTHONIOENCODING": "ascii", "PYTHONUTF8": "0"}
    for command in ((KWSCTL, "--help"), (KWSCTL.replace("kwsctl", "kwsd"), "--help"), (KWSCTL, "models", "list")):
        assert run(*command, home=tmp_path, environ=ascii_only).returncode == 0


@pytest.mark.parametrize("typed", ["nan", "-1", "1e300", "inf", "soon", "9" * 5000])
def test_a_patience_that_cannot_be_is_refused(tmp_path: Path, typed: str) -> None:
    done = run(KWSCTL, "status", "--socket", tmp_path / "s", f"--timeout={typed}", home=tmp_path)
    assert done.returncode == 2
    assert run(KWSCTL, "metrics", f"--http={typed}", home=tmp_path).returncode == 2
    assert "is no number above 0" in done.stderr
