"""The socket as its clients see it: real sockets, the real server, clients of every temper."""

import json
import os
import socket
import subprocess
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import psutil
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from kwsd.daemon.listen_socket import SocketFile
from kwsd.errors import FAILED, ConfigError, KwsdError
from kwsd.outlets import connection
from kwsd.outlets.bus import INBOX_LIMIT
from kwsd.outlets.peer import Peer, group_id, may_change
from testkit.serving import Client, Harness, detection, serving


@pytest.fixture
def harness(tmp_path: Path) -> Iterator[Harness]:
    with serving(tmp_path / "kwsd.sock") as harness:
        yield harness


def test_first_line_is_a_snapshot(harness: Harness) -> None:
    with Client(harness.path) as client:
        hello = client.read()
    assert hello["type"] == "hello"
    assert hello["protocol"] == 1
    assert hello["microphone"] == {"name": "fake", "open": True}


def test_events_reach_everybody_in_order(harness: Harness) -> None:
    with harness.client() as one, harness.client() as other:
        for number in range(1, 21):
            harness.bus.publish(detection(number))
        assert [one.read()["id"] for _ in range(20)] == list(range(1, 21))
        assert [other.read()["id"] for _ in range(20)] == list(range(1, 21))


def test_who_connects_while_an_event_is_being_printed_is_told_of_it(harness: Harness) -> None:
    """And who has been told of it and connects again is not told a second time."""
    with harness.client() as told:
        for number in range(1, 31):
            harness.bus.publish(detection(number))
            with Client(harness.path) as newcomer:
                assert newcomer.read_until("detection")["id"] == number
            assert told.read()["id"] == number
            with harness.client() as again:
                assert again.ask(command="mute")["ok"]
                again.socket.settimeout(0.02)
                with pytest.raises(TimeoutError):
                    again.read()


def test_request_id_is_echoed(harness: Harness) -> None:
    with harness.client() as client:
        for request_id in (7, "seven", None):
            reply = client.ask(command="mute", request_id=request_id)
            assert reply["ok"]
            assert reply["request_id"] == request_id
        assert client.ask(command="nonsense", request_id=8)["request_id"] == 8


def test_subscribe_chooses_types_and_keywords(harness: Harness) -> None:
    with harness.client() as client:
        assert client.ask(command="subscribe", types=["detection"], keywords=["b"])["ok"]
        harness.bus.publish(detection(1, "a"))
        harness.bus.publish(detection(2, "b"))
        assert client.read()["id"] == 2


def test_trace_adds_near_misses_and_takes_them_away(harness: Harness) -> None:
    with harness.client() as client:
        assert "near_miss" in client.ask(command="trace", on=True)["data"]["types"]
        assert harness.bus.wants("near_miss")
        assert "near_miss" not in client.ask(command="trace", on=False)["data"]["types"]
        assert not harness.bus.wants("near_miss")


def test_a_refused_command_says_why(harness: Harness) -> None:
    harness.refusal = "no keyword of that name"
    with harness.client() as client:
        reply = client.ask(command="set_threshold", threshold=0.5, keyword="x")
        assert not reply["ok"]
        assert reply["error"] == "no keyword of that name"


def test_several_commands_in_one_packet_and_one_without_a_newline(harness: Harness) -> None:
    with harness.client() as client:
        client.send_bytes(b'{"command":"mute","request_id":1}\n{"command":"unmute","request_id":2}')
        client.socket.shutdown(socket.SHUT_WR)
        assert [client.read()["request_id"], client.read()["request_id"]] == [1, 2]
        harness.bus.publish(detection(3))
        assert client.read()["id"] == 3, "who has sent its last may still listen"


def test_who_does_not_read_loses_the_oldest_events_and_is_told(harness: Harness) -> None:
    """Scenario.

    1. A subscriber stops reading.
    2. Far more events come than the kernel and its queue hold.
    3. It reads again.

    Result: it gets the first events, a `dropped` with the exact number missing, and the newest events.
    """
    total = 3000
    with harness.client() as slow:
        for number in range(1, total + 1):
            harness.bus.publish(detection(number))
            if number % 250 == 0:
                time.sleep(
                    0.05
                )  # for the event loop: what it takes from other threads is bounded, too, and not counted
        time.sleep(0.5)
        got: list[int] = []
        dropped = 0
        while not got or got[-1] < total:
            record = slow.read()
            dropped += record.get("n", 0)
            got += [record["id"]] if record["type"] == "detection" else []
    assert dropped > 0
    assert len(got) + dropped == total
    assert got == sorted(got)
    assert harness.server.dropped == dropped


def test_a_storm_that_the_loop_cannot_take_is_counted_too(harness: Harness) -> None:
    """Events that a thread publishes while the event loop is busy: the inbox is bounded, and what it lost is told."""
    busy = threading.Event()
    with harness.client() as client:
        harness.bus.publish(detection(1))
        assert client.read()["id"] == 1
        harness.loop.call_soon_threadsafe(busy.wait, 10.0)
        for number in range(2, INBOX_LIMIT + 102):
            harness.bus.publish(detection(number))
        busy.set()
        told, newest = 0, 1
        while newest < INBOX_LIMIT + 101:
            record = client.read()
            told += record.get("n", 0)
            newest = record.get("id", newest)
    assert told >= 100


def test_a_stuck_subscriber_is_disconnected(harness: Harness, monkeypatch: pytest.MonkeyPatch) -> None:
    """Scenario.

    1. A subscriber never reads; its socket and queue fill up.
    2. For a while (here 0.3 s) the kernel takes nothing for it.

    Result: the connection is aborted, its memory freed; nobody else notices.
    """
    monkeypatch.setattr(connection, "STUCK_S", 0.3)
    with harness.client() as stuck, harness.client() as well:
        for number in range(2000):
            harness.bus.publish(detection(number))
            assert well.read()["id"] == number
        assert _eventually(lambda: len(harness.server.connections) == 1)
        harness.bus.publish(detection(9999))
        assert well.read()["id"] == 9999
        with pytest.raises((EOFError, ConnectionError, json.JSONDecodeError)):
            stuck.read_until("never")


def _eventually(condition: object, timeout_s: float = 5.0) -> bool:
    assert callable(condition)
    deadline = time.monotonic() + timeout_s
    while time.monotonic() < deadline:
        if condition():
            return True
        time.sleep(0.01)
    return False


def test_an_oversized_line_ends_its_own_connection_only(harness: Harness) -> None:
    with harness.client() as client, harness.client() as other:
        client.send_bytes(b'{"command":"' + b"x" * 200_000 + b'"}\n')
        assert "65536 bytes at most" in client.read()["error"]
        with pytest.raises((EOFError, ConnectionError)):
            client.read()
        assert other.ask(command="mute")["ok"]


def test_a_command_that_is_refused_is_no_rubbish(harness: Harness) -> None:
    """Who asks again and again for what cannot be done is told so each time, and stays connected."""
    with harness.client() as client:
        harness.refusal = "the file is broken"
        for _ in range(2 * connection.PATIENCE):
            assert client.ask(command="reload")["error"] == "the file is broken"


def test_who_sends_rubbish_is_answered_then_shown_out(harness: Harness) -> None:
    with harness.client() as client:
        client.send_bytes(b"\xff\xfe rubbish\n" * connection.PATIENCE)
        assert all(not client.read()["ok"] for _ in range(connection.PATIENCE))
        with pytest.raises((EOFError, ConnectionError)):
            client.read()


def test_replies_to_who_does_not_read_are_not_hoarded(harness: Harness) -> None:
    """A client sends 100 000 commands and reads no reply: the server stops reading it, so memory stays flat."""
    before = psutil.Process().memory_info().rss
    with harness.client() as client:
        client.socket.settimeout(1)
        with pytest.raises((TimeoutError, OSError)):
            client.send_bytes(b'{"command":"mute"}\n' * 100_000)
        assert len(harness.carried_out) < 20_000
        assert psutil.Process().memory_info().rss - before < 20e6


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.one_of(st.binary(max_size=2000), st.text().map(str.encode), st.just(b"[" * 60_000), st.just(b'{"a":' * 9_000))
)
def test_any_bytes_get_an_answer_or_a_closed_connection(harness: Harness, garbage: bytes) -> None:
    with harness.client() as client:
        with suppress(BrokenPipeError):  # many lines of rubbish: it may have hung up before the last
            client.send_bytes(garbage + b"\n")
        reply = client.read()
        assert reply["type"] == "reply"
        assert not reply["ok"]


def test_stop_flushes_what_is_on_its_way(tmp_path: Path) -> None:
    with serving(tmp_path / "kwsd.sock") as harness:
        client = harness.client()
        for number in range(50):
            harness.bus.publish(detection(number))
    assert [client.read()["id"] for _ in range(50)] == list(range(50))
    client.close()


def test_only_root_the_owner_and_the_group_may_change_things() -> None:
    me = os.geteuid()
    assert may_change(Peer(1, me, frozenset()), None)
    assert may_change(Peer(1, 0, frozenset()), None)
    assert may_change(Peer(1, me + 1000, frozenset({7, 8})), 8)
    assert not may_change(Peer(1, me + 1000, frozenset({7, 8})), 9)
    assert not may_change(Peer(1, me + 1000, frozenset()), None)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become somebody else")
def test_a_stranger_may_listen_but_not_command() -> None:
    """Scenario.

    1. The daemon runs as root; its socket is open to all.
    2. A process of another user, without groups, connects.

    Result: it gets hello and status-like answers; commands that change anything, and `clip`, are refused.
    """
    with tempfile.TemporaryDirectory(prefix="kwsd-") as directory, serving(Path(directory) / "s") as harness:
        Path(directory).chmod(0o755)
        harness.path.chmod(0o666)
        refused = _as_stranger(harness.path, ["mute", "reload", "clip"])
        allowed = _as_stranger(harness.path, ["status", "subscribe", "trace"])
    assert refused == [False, False, False]
    assert allowed == [True, True, True]


def _as_stranger(path: Path, commands: list[str]) -> list[bool]:
    """What a process of user 65534 is answered, made by fork so that it needs no access to our Python."""
    readable, writable = os.pipe()
    child = os.fork()
    if child == 0:
        os.setgroups([])
        os.setresgid(65534, 65534, 65534)
        os.setresuid(65534, 65534, 65534)
        answers = []
        try:
            client = Client(path)
            answers = [client.ask(command=command)["ok"] for command in commands]
        finally:
            os.write(writable, json.dumps(answers).encode())
            os._exit(0)
    os.waitpid(child, 0)
    os.close(writable)
    with os.fdopen(readable) as pipe:
        answers = json.loads(pipe.read())
    assert isinstance(answers, list)
    return answers


def test_group_names_and_numbers() -> None:
    assert group_id("0", "socket_group") == 0
    assert group_id("root", "socket_group") == 0
    with pytest.raises(ConfigError, match='socket_group: there is no group "nosuch"'):
        group_id("nosuch", "socket_group")


def test_mode_and_group_of_the_file(tmp_path: Path) -> None:
    file = SocketFile(tmp_path / "s", 0o640, os.getegid())
    assert (tmp_path / "s").stat().st_mode & 0o777 == 0o640
    assert (tmp_path / "s").stat().st_gid == os.getegid()
    file.close()
    assert not (tmp_path / "s").exists()


def test_a_stale_socket_is_replaced(tmp_path: Path) -> None:
    dead = socket.socket(socket.AF_UNIX)
    dead.bind(str(tmp_path / "s"))
    dead.close()
    SocketFile(tmp_path / "s", 0o600).close()


def test_a_second_instance_is_refused_with_the_process_named(tmp_path: Path) -> None:
    first = SocketFile(tmp_path / "s", 0o600)
    with pytest.raises(KwsdError, match=f"another kwsd \\(process {os.getpid()}\\) listens on .*--socket"):
        SocketFile(tmp_path / "s", 0o600)
    first.close()


def test_another_programs_live_socket_is_left_alone(tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as other:
        other.bind(str(tmp_path / "s"))
        other.listen()
        with pytest.raises(KwsdError, match="another program listens on"):
            SocketFile(tmp_path / "s", 0o600)
        assert (tmp_path / "s").is_socket()


@pytest.mark.parametrize(
    ("path", "complaint"),
    [
        ("a\0b", "null byte"),
        ("x" * 200, "longer than 107 bytes"),
        ("file/s", "File exists"),
        ("directory", "is a directory; name a file in it"),
        ("file", "is there already and is no socket"),
        ("nowhere", "is there already and is no socket"),
    ],
)
def test_unusable_paths_are_named(tmp_path: Path, path: str, complaint: str) -> None:
    (tmp_path / "file").touch()
    (tmp_path / "directory").mkdir()
    (tmp_path / "nowhere").symlink_to("gone")
    with pytest.raises(ConfigError, match=complaint):
        SocketFile(tmp_path / path, 0o600)


def test_a_full_run_is_no_wrong_setting(tmp_path: Path) -> None:
    """1. Where no file can be made it ends with 1, and the unit starts it again. 2. Without a byte left it listens."""
    with small_disk(tmp_path, "nr_inodes=1"):
        with pytest.raises(KwsdError, match="No space left on device; make room there") as refused:
            SocketFile(tmp_path / "s", 0o600)
        assert refused.value.exit_code == FAILED
    with small_disk(tmp_path, "size=4k"):
        (tmp_path / "full").write_bytes(bytes(4096))
        SocketFile(tmp_path / "s", 0o600).close()


@contextmanager
def small_disk(place: Path, limit: str) -> Iterator[None]:
    """A file system of its own on a directory; skips where that is not allowed."""
    command = ["mount", "-t", "tmpfs", "-o", limit, "tmpfs", str(place)]
    if subprocess.run(command, check=False, capture_output=True).returncode:
        pytest.skip("may not mount")
    try:
        yield
    finally:
        subprocess.run(["umount", place], check=True)


@pytest.mark.parametrize("kind", ["file", "dead socket", "another daemon's"])
def test_what_somebody_put_in_its_place_is_told_once(
    tmp_path: Path, kind: str, caplog: pytest.LogCaptureFixture
) -> None:
    """A dead socket makes way; a file, or a socket that somebody listens on, stays what it is."""
    path = tmp_path / "s"
    ours = SocketFile(path, 0o660)
    path.unlink()
    other = socket.socket(socket.AF_UNIX)
    if kind == "file":
        path.write_text("precious")
    else:
        other.bind(str(path))
        other.listen()
    if kind == "dead socket":
        other.close()
    assert [ours.renew() for _ in range(3)] == [kind == "dead socket", False, False]
    assert caplog.text.count("nobody can connect") == (kind != "dead socket")
    if kind != "dead socket":
        path.unlink()
        assert ours.renew()
    ours.close()
    other.close()
    assert not path.exists()
