"""What may go wrong when a list is brought into force: one place makes an answer of it, and the old list stays."""

import asyncio
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, cast

import pytest

from kwsd.daemon import keyword_update
from kwsd.daemon.changes import NewKeywords
from kwsd.daemon.inbox import Inbox
from kwsd.daemon.keyword_update import KeywordSource, KeywordUpdate
from kwsd.daemon.saved_state import StateFile
from kwsd.daemon.state import DaemonState
from kwsd.errors import ConfigError, first_few
from kwsd.events import Reloaded
from kwsd.keywords.keyword import Keyword
from kwsd.keywords.watch_file import FileWatch
from kwsd.protocol.messages import CommandError
from kwsd.records import Record
from kwsd.spotters.interface import Spotter
from testkit.scripted import ScriptedTokenizer


class Compiling:
    """As much of a spotter as lists are brought into force with; `fails` comes before each compilation."""

    sentences = None

    def __init__(self) -> None:
        self.keywords: tuple[Keyword, ...] = (Keyword("LIGHT ON"),)
        self.tokenizer = ScriptedTokenizer()
        self.fails: Callable[[], None] = lambda: None

    def compile(self, keywords: Sequence[Keyword]) -> tuple[Keyword, ...]:
        self.fails()
        return tuple(keywords)

    def replace(self, compiled: tuple[Keyword, ...]) -> None:
        self.keywords = compiled


class Updating:
    """A KeywordUpdate with a decoding thread that takes lists, and what it tells."""

    def __init__(self, file: Path, *, decoding: bool = True) -> None:
        self.spotter, self.inbox, self.told = Compiling(), Inbox(100, dropping=False), list[Record]()
        state = DaemonState(model="m", microphone="fake")
        source = KeywordSource(file, StateFile(None))
        self.watch = cast(FileWatch, source.watch)
        self.update = KeywordUpdate(source, cast(Spotter, self.spotter), self.inbox, state, self._tell)
        self.decoding = threading.Thread(target=self._decode, daemon=True)
        if decoding:
            self.decoding.start()
        self._state = state

    async def followed(self) -> list[Record]:
        """What is told when the file is looked at three times, as the daemon does, since this was asked last."""
        self.told.clear()
        for _ in range(3):
            if self.watch.new_digest() is not None:
                await self.update.follow()
        return self.told

    def _tell(self, record: Record) -> None:
        self.told += self._state.apply(record)

    def _decode(self) -> None:
        for item in self.inbox:
            if isinstance(item, NewKeywords):
                item.install(self.spotter)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "k.txt"
    path.write_text("LIGHT UP\n")
    return path


def test_whatever_a_reload_fails_with_is_an_answer_and_an_event(file: Path) -> None:
    """Scenario.

    1. A reload fails with a wrong setting, no files left, a mistake of ours; by command and by itself.

    Result: each time the sender is told why, `reload_failed` goes to all, the old list stays; then a good one is taken.
    """

    def failing(error: Exception) -> Callable[[], None]:
        def fail() -> None:
            raise error

        return fail

    async def play() -> None:
        updating = Updating(file)
        errors = [ConfigError("no such piece"), OSError(24, "Too many open files"), ZeroDivisionError("ours")]
        for number, error in enumerate(errors, 1):
            updating.spotter.fails = failing(error)
            with pytest.raises(CommandError, match=str(error.args[-1])):
                await updating.update.reload()
            updating.update.soon(updating.update.reload)
            await asyncio.sleep(0.1)
            assert [event.type for event in updating.told] == ["reload_failed"] * number, "the same reason once"
            assert updating.spotter.keywords == (Keyword("LIGHT ON"),)
        updating.spotter.fails = lambda: None
        assert (await updating.update.reload()).keywords == ("LIGHT UP",)
        assert updating.spotter.keywords == (Keyword("LIGHT UP"),)
        updating.inbox.stop()

    asyncio.run(play())


def test_a_list_is_compiled_by_neither_the_loop_nor_the_decoding_thread(file: Path) -> None:
    """While thousands of phrases are made ready, sound is heard and subscribers are served."""

    async def play() -> None:
        updating = Updating(file)
        busy: set[int] = set()
        updating.spotter.fails = lambda: busy.add(threading.get_ident())
        await updating.update.set_keywords(["LIGHT DOWN"])
        await updating.update.reload()
        assert busy
        assert not busy & {threading.get_ident(), updating.decoding.ident}
        updating.inbox.stop()

    asyncio.run(play())


def test_a_list_behind_a_keyword_is_followed_as_its_file_is(tmp_path: Path) -> None:
    """1. A list that a keyword arms is edited, taken away, and comes back. 2. The file names another, which is edited.

    Result: each is read once; a list that no keyword arms any more is not.
    """
    file, lights, doors = (tmp_path / name for name in ("wake.toml", "lights.txt", "doors.txt"))
    file.write_text('[[keyword]]\nphrase = "LIGHT ON"\nthen = "lights.txt"\n')
    lights.write_text("LIGHT ON\n")

    async def play() -> None:
        updating = Updating(file)
        assert await updating.followed() == []
        lights.write_text("LIGHT UP\nLIGHT ON\n")
        assert [each.type for each in await updating.followed()] == ["reloaded"]
        lights.unlink()
        (gone,) = await updating.followed()
        assert isinstance(gone, Reloaded)
        assert "lights.txt: there is no such file" in gone.problems[0]
        lights.write_text("LIGHT ON\n")
        assert [each.type for each in await updating.followed()] == ["reloaded"]
        doors.write_text("LIGHT UP\n")
        assert await updating.followed() == []
        file.write_text('[[keyword]]\nphrase = "LIGHT ON"\nthen = "doors.txt"\n')
        assert [each.type for each in await updating.followed()] == ["reloaded"]
        lights.write_text("LIGHT UP\n")
        assert await updating.followed() == []
        doors.write_text("LIGHT UP\nLIGHT ON\n")
        assert [each.type for each in await updating.followed()] == ["reloaded"]
        updating.inbox.stop()

    asyncio.run(play())


def test_a_program_is_told_of_its_mistake_and_nobody_else(file: Path) -> None:
    async def play() -> None:
        updating = Updating(file)
        updating.spotter.fails = cast(Callable[[], None], lambda: (_ for _ in ()).throw(ConfigError("no")))
        with pytest.raises(CommandError, match="no"):
            await updating.update.set_keywords(["LIGHT DOWN"])
        assert not updating.told
        updating.inbox.stop()

    asyncio.run(play())


def test_what_was_reported_as_failed_never_comes_into_force(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The decoding thread hangs, and goes on after the command has been given up."""
    monkeypatch.setattr(keyword_update, "SWAP_S", 0.1)

    async def play() -> Updating:
        updating = Updating(file, decoding=False)
        with pytest.raises(CommandError, match="decoding hangs"):
            await updating.update.set_keywords(["LIGHT DOWN"])
        return updating

    updating = asyncio.run(play())
    updating.inbox.stop()
    updating._decode()
    assert updating.spotter.keywords == (Keyword("LIGHT ON"),)


def test_thresholds_lie_over_whatever_list_is_in_force(file: Path) -> None:
    async def thresholds(updating: Updating, *steps: Any) -> list[float | None]:
        for threshold, label in steps:
            await updating.update.set_threshold(threshold, label)
        return [keyword.threshold for keyword in updating.spotter.keywords]

    async def play() -> None:
        updating = Updating(file)
        await updating.update.set_keywords([Keyword("LIGHT UP", threshold=0.1), "LIGHT DOWN"])
        assert await thresholds(updating) == [0.1, None]
        assert await thresholds(updating, (0.2, "LIGHT DOWN")) == [0.1, 0.2]
        assert await thresholds(updating, (0.3, None)) == [0.3, 0.3]
        assert await thresholds(updating, (0.4, "LIGHT UP")) == [0.4, 0.3]
        with pytest.raises(CommandError, match='there is no "x"'):
            await updating.update.set_threshold(0.5, "x")
        updating.inbox.stop()

    asyncio.run(play())


def test_of_many_problems_the_first_are_told_and_how_many_more() -> None:
    assert first_few(["a"] * 3) == ("a", "a", "a")
    assert first_few([str(number) for number in range(200_000)])[-2:] == ("9", "and 199990 more")
