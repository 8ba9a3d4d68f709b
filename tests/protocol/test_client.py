"""`kwsd.client` against the real server and the real daemon: whatever breaks in between, every event comes once."""

import asyncio
import json
import random
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from kwsd.client import GONE, AsyncClient, Client, KwsdError, NoDaemonError
from kwsd.outlets.kept_events import KEPT_EVENTS
from testkit.daemons import Plug, eventually, phrase, running
from testkit.serving import Client as LineClient
from testkit.serving import Harness, detection, serving

Record = dict[str, Any]


class Following:
    """A client on a thread of its own, and all that it was told, until the first thing after `ended`."""

    ended = False

    def __init__(self, path: Path, kind: str, **wanted: Any) -> None:
        self.told: list[Record] = []
        work = self._follow if kind == "sync" else lambda *given: asyncio.run(self._follow_async(*given))
        threading.Thread(target=work, args=(path, wanted), daemon=True).start()

    def _follow(self, path: Path, wanted: dict[str, Any]) -> None:
        for record in Client(path, **wanted).records():
            self.told.append(record)
            if self.ended:
                return

    async def _follow_async(self, path: Path, wanted: dict[str, Any]) -> None:
        async for record in AsyncClient(path, **wanted).records():
            self.told.append(record)
            if self.ended:
                return

    def of(self, kind: str) -> list[Record]:
        """Records of a type."""
        return [record for record in self.told if record["type"] == kind]

    def ids(self) -> list[int]:
        """Of the detections."""
        return [record["id"] for record in self.of("detection")]


@pytest.fixture(autouse=True)
def no_followers_left() -> Iterator[None]:
    Following.ended = False
    yield
    Following.ended = True


@pytest.fixture
def harness(tmp_path: Path) -> Iterator[Harness]:
    with serving(tmp_path / "kwsd.sock") as harness:
        yield harness


def cut(harness: Harness) -> None:
    """Break every connection, in the middle of whatever it does."""
    harness.loop.call_soon_threadsafe(lambda: [task.cancel() for task in harness.server.connections.values()])


@pytest.mark.parametrize("kind", ["sync", "async"])
def test_connections_that_break_at_any_moment_lose_nothing_and_repeat_nothing(harness: Harness, kind: str) -> None:
    following = Following(harness.path, kind)
    assert eventually(lambda: following.of("hello"))
    dice = random.Random(7)
    for number in range(1, 301):
        harness.bus.publish(detection(number))
        if dice.random() < 0.03:
            cut(harness)
        time.sleep(dice.choice((0, 0, 0.001, 0.01)))
    assert eventually(lambda: following.ids()[-1:] == [300], 10)
    assert following.ids() == list(range(1, 301))
    hellos, gone = following.of("hello"), following.of("gone")
    assert len(gone) >= len(hellos) - 1 > 1
    assert all(hello["complete"] for hello in hellos)
    assert len({hello["run"] for hello in hellos}) == 1


def test_events_have_numbers_that_rise_and_the_hello_has_the_newest(harness: Harness) -> None:
    with harness.client() as client:
        client.ask(command="subscribe", types=["detection", "level"])
        for number in range(1, 4):
            harness.bus.publish(detection(number))
        assert [client.read()["seq"] for _ in range(3)] == [1, 2, 3]
    assert newest(harness) == 3


def newest(harness: Harness) -> int:
    """Number of the last event, as a hello tells it."""
    with LineClient(harness.path) as client:
        seq: int = client.read()["seq"]
    return seq


def told_since(harness: Harness, seq: int, **more: Any) -> tuple[bool, list[int]]:
    """Whether it is all, and the ids of what comes behind the reply; the last event is published after it."""
    with harness.client() as client:
        complete = client.ask(command="subscribe", since=seq, **more)["data"]["complete"]
        harness.bus.publish(detection(-1, "end"))
        ids = []
        while (record := client.read())["id"] != -1:
            ids.append(record["id"])
    return complete, ids


def test_since_gives_what_came_after_and_no_more(harness: Harness) -> None:
    for number in range(1, 6):
        harness.bus.publish(detection(number, "a" if number % 2 else "b"))
    assert eventually(lambda: newest(harness) == 5)
    assert told_since(harness, 0) == (True, [1, 2, 3, 4, 5])
    assert told_since(harness, 3, keywords=["a", "end"]) == (True, [5])
    with closing(Client(harness.path).records()) as records:
        run = next(records)["run"]
    with harness.client() as client:
        assert client.ask(command="subscribe", since=2, types=["muted"])["data"] == {
            "types": ["muted"],
            "complete": True,
        }
    assert told_since(harness, 4, run="another", keywords=["b", "end"]) == (True, [2, 4])
    assert told_since(harness, 4, run=run, keywords=["b", "end"]) == (True, [])
    assert told_since(harness, 10**6, keywords=["b", "end"])[1] == [2, 4]


def test_what_is_no_longer_kept_is_not_passed_over_in_silence(harness: Harness) -> None:
    for number in range(1, KEPT_EVENTS + 11):
        harness.bus.publish(detection(number))
        if number % 100 == 0:
            time.sleep(0.05)  # the bus takes so many at once
    assert eventually(lambda: newest(harness) == KEPT_EVENTS + 10)
    complete, ids = told_since(harness, 5)
    assert (complete, len(ids), ids[-1]) == (False, KEPT_EVENTS, KEPT_EVENTS + 10)
    assert told_since(harness, 12)[0]


def test_a_daemon_that_is_killed_and_started_again(tmp_path: Path, tiny_model_dir: Path) -> None:
    """Scenario.

    1. Two clients, one of either kind, wait before there is a daemon. 2. One comes and hears a phrase before they have
    found it; it is killed. 3. Another is started, and hears two phrases, likewise. Result: each detection once, in
    order, and a GONE between the two runs.
    """
    plug = Plug(tmp_path)
    plug.plug_in()
    both = [Following(tmp_path / "s", kind, types=["detection"]) for kind in ("sync", "async")]
    with running(tmp_path, tiny_model_dir) as daemon:
        plug.say(phrase("LIGHT ON"))
        assert eventually(lambda: all(len(each.ids()) == 1 for each in both), 15)
        daemon.process.kill()
        assert eventually(lambda: all(each.told[-1] == GONE for each in both))
    time.sleep(3)  # so that they look for it seldom
    with running(tmp_path, tiny_model_dir):
        plug.say(phrase("TURN OFF"))
        plug.say(phrase("HEY LIGHT"))
        assert eventually(lambda: all(len(each.ids()) == 3 for each in both), 15)
    for each in both:
        said = [(record["keyword"], record["id"]) for record in each.of("detection")]
        assert said == [("LIGHT ON", 1), ("TURN OFF", 1), ("HEY LIGHT", 2)]
        first, second = each.of("hello")
        assert first["run"] != second["run"]
        assert first["source"] == {"kind": "microphone", "name": "default"}


def test_a_program_may_go_on_where_an_earlier_run_of_it_was(harness: Harness) -> None:
    client = Client(harness.path, types=["detection"])
    events = client.__iter__()
    for number in (1, 2, 3):
        threading.Timer(0.2 * number, harness.bus.publish, [detection(number)]).start()
    assert next(events)["id"] == 1
    position = client.position
    events.close()
    again = iter(Client(harness.path, since=position))
    assert [next(again)["id"], next(again)["id"]] == [2, 3]


OLD_HELLO = {
    "type": "hello",
    "time": "",
    "protocol": 1,
    "version": "0.0.1",
    "keywords": [],
    "model": "",
    "state": "listening",
    "microphone": {},
}


@pytest.mark.parametrize("kind", ["sync", "async"])
def test_an_older_daemon_that_counts_nothing_is_followed_all_the_same(tmp_path: Path, kind: str) -> None:
    """It refuses `since`, tells of no run, and hangs up; its next connection goes on."""
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(tmp_path / "s"))
        listener.listen()
        following = Following(tmp_path / "s", kind, types=["detection"])
        for number in (1, 2):
            connection, _ = listener.accept()
            with connection, connection.makefile("rwb") as lines:
                lines.write(json.dumps(OLD_HELLO).encode() + b"\n")
                lines.flush()
                command = json.loads(lines.readline())
                assert command.keys() <= {"command", "request_id", "types"}
                reply = {
                    "type": "reply",
                    "request_id": command.get("request_id"),
                    "ok": True,
                    "error": None,
                    "data": {},
                }
                event = {"type": "detection", "id": number, "new_field": 1}
                lines.write(json.dumps(reply).encode() + b"\n" + json.dumps(event).encode() + b"\n")
                lines.flush()
                assert eventually(lambda number=number: len(following.ids()) == number)  # type: ignore[misc]
    assert following.ids() == [1, 2]


def test_commands_are_asked_beside_the_events_and_refusals_are_raised(harness: Harness) -> None:
    client = Client(harness.path)
    assert client.ask("mute") == {}
    assert asyncio.run(AsyncClient(harness.path).ask("mute")) == {}
    harness.refusal = "not now"
    for ask in (client.ask, lambda name: asyncio.run(AsyncClient(harness.path).ask(name))):
        with pytest.raises(KwsdError, match="mute: not now"):
            ask("mute")
    with pytest.raises(KwsdError, match="subscribe: types"):
        next(Client(harness.path, types=["no such"]).records())
    with pytest.raises(NoDaemonError, match="no daemon at"):
        Client(harness.path.with_name("none")).ask("status")


def collected(path: Path) -> Callable[[], list[Record]]:
    """For a program of five lines: its events so far."""
    told: list[Record] = []

    async def follow() -> None:
        async for event in AsyncClient(path, types=["detection"]):
            told.append(event)  # noqa: PERF401 - it never ends

    threading.Thread(target=lambda: asyncio.run(follow()), daemon=True).start()
    return lambda: told


def test_who_wants_events_alone_is_not_told_of_connections(harness: Harness) -> None:
    told = collected(harness.path)
    assert eventually(lambda: harness.server.connections)
    cut(harness)
    harness.bus.publish(detection(1))
    assert eventually(told)
    assert [event["type"] for event in told()] == ["detection"]
