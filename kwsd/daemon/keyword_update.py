"""The keyword list in force: the file's or a program's, whichever changed last; compiled aside, then swapped in."""

import asyncio
import logging
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from kwsd.daemon.background import in_background
from kwsd.daemon.changes import NewKeywords
from kwsd.daemon.inbox import Inbox
from kwsd.daemon.saved_state import EVERY_KEYWORD, Saved, StateFile
from kwsd.daemon.state import DaemonState, labels
from kwsd.errors import ConfigError, KeywordFileError, NothingUsableError, first_few
from kwsd.events import Loaded, Reloaded, ReloadFailed
from kwsd.keywords.files import KeywordList, check_keywords, lists_behind, read_keyword_file
from kwsd.keywords.keyword import Keyword
from kwsd.keywords.watch_file import FileWatch, content_digest
from kwsd.protocol.messages import CommandError
from kwsd.records import Record
from kwsd.sentences.search import SentenceSearch
from kwsd.spotters.interface import Spotter, StandsIn
from kwsd.text.phrase_tokenizer import PhraseTokenizer

logger = logging.getLogger(__name__)

SWAP_S = 5.0  # a decoding thread that does not take a new list for so long hangs


class KeywordSource:
    """Which keywords are asked for. `saved` changes on the event loop; any thread may read."""

    def __init__(self, file: Path | None, saved: StateFile) -> None:
        """`file` is None where the spotter's own words are all there is."""
        self.file = file
        self.saved = saved
        self.watch = FileWatch(file, lists_behind) if file else None
        """Tells of changes, of lists that it names as well, since before the file was read for the first time."""
        self.digest_at_start = self.digest()
        if saved.now.overrides_file and saved.now.file_digest != self.digest_at_start:
            logger.info("%s has changed since keywords were set over the socket: the file is in force", file)
            saved.change_at_start(keywords=None, thresholds={})

    def digest(self) -> str:
        """Of the file's content, and of the lists that its keywords arm."""
        return content_digest(self.file, *lists_behind(self.file)) if self.file else ""

    def reader(self) -> Callable[[PhraseTokenizer], Sequence[Keyword]] | None:
        """Reads the file for a tokenizer and logs what is wrong with it; None for the spotter's own words."""
        if self.file is None:
            return None
        file = self.file

        def read(tokenizer: PhraseTokenizer) -> Sequence[Keyword]:
            found = read_keyword_file(file, tokenizer)
            for problem in first_few(map(str, found.problems)):
                logger.warning("%s", problem)
            return found.keywords

        return read

    def read_as(self, asked: Saved, tokenizer: PhraseTokenizer) -> KeywordList | None:
        """Those that would be in force with this asked for. Raises KeywordFileError.

        No program names a file: its lines would stand in what is told of it, whoever may read it.
        """
        if asked.keywords is not None:
            for number, keyword in enumerate(asked.keywords):
                if keyword.then:
                    raise KeywordFileError(
                        f"keywords.{number}.then: only a keyword file may name a list; write [[keyword]] with its "
                        "then into the one that kwsd was started with"
                    )
            found = check_keywords(asked.keywords, tokenizer)
        elif self.file is not None:
            found = read_keyword_file(self.file, tokenizer)
        else:
            return None
        return replace(found, keywords=with_thresholds(found.keywords, asked))


class KeywordUpdate:
    """Brings lists into force, one at a time. An outlet, too: a model that comes late is given the list in force."""

    wants = frozenset({Loaded.type})

    def __init__(
        self,
        source: KeywordSource,
        spotter: Spotter,
        inbox: Inbox,
        state: DaemonState,
        tell: Callable[[Record], None],
    ) -> None:
        self._source = source
        self._spotter = spotter
        self.file = source.file.absolute() if source.file else None
        """The keyword file, if there is one."""
        self._own = spotter.keywords
        self._known_digest = source.digest_at_start
        """Of the keyword file's content when it was last read, whatever came of it, or last overruled by a program."""
        self._inbox = inbox
        self._state = state
        self._tell = tell
        self._one_at_a_time = asyncio.Lock()
        self._asked: set[asyncio.Task[object]] = set()
        # what was set before the restart; where the model that hears now cannot, what the file says
        asked, resumed = self._source.saved.now, False
        if asked.overrides_file:
            try:
                self._spotter.replace(self._compile(asked)[1])
                resumed = True
            except (ConfigError, OSError) as error:
                logger.warning("what was set over the socket cannot be heard now: %s", error)
        self._state.keywords = labels(self._spotter.keywords)
        self._state.keywords_from = "socket" if resumed else "file"

    def take(self, _: Record) -> None:
        """A model was loaded after all."""
        self.soon(self._again)

    async def close(self, _: float) -> None:
        """Nothing is waited for."""
        for task in self._asked:
            task.cancel()

    def soon(self, work: Callable[[], Coroutine[Any, Any, object]]) -> None:
        """Have a change made in the background; what comes of it is told by events."""
        task = asyncio.ensure_future(self._reported(work))
        self._asked.add(task)
        task.add_done_callback(self._asked.discard)

    async def reload(self) -> Reloaded:
        """Back to the keyword file and the sentences, as they are now. Raises CommandError when the old list stays."""
        async with self._one_at_a_time:
            return await self._reload()

    async def follow(self) -> None:
        """The same where the file has come by other content since. Raises CommandError when the old list stays."""
        async with self._one_at_a_time:
            if await in_background(self._source.digest) != self._known_digest:
                await self._reload()

    async def set_keywords(self, specs: Sequence[Keyword | str]) -> Reloaded:
        """Listen for these. Raises CommandError when the old list stays."""
        async with self._one_at_a_time:
            keywords = Keyword.of(specs)
            digest = await in_background(self._source.digest)
            told = await self._bring_into_force(
                replace(self._source.saved.now, keywords=keywords, thresholds={}, file_digest=digest)
            )
            self._known_digest = digest
            return told

    async def set_threshold(self, threshold: float, label: str | None) -> tuple[str, ...]:
        """Change one keyword's threshold, or all; the names concerned. Raises CommandError."""
        async with self._one_at_a_time:
            concerned, saved = self._called(label), self._source.saved.now
            old = {} if label is None else saved.thresholds
            digest = await in_background(self._source.digest)
            await self._bring_into_force(
                replace(saved, thresholds={**old, label or EVERY_KEYWORD: threshold}, file_digest=digest)
            )
            self._known_digest = digest
            return concerned

    async def save_threshold(self, threshold: float, label: str | None) -> tuple[str, ...]:
        """The same in the keyword file, which is brought into force. Raises CommandError: file and list stay."""
        async with self._one_at_a_time:
            concerned, saved = self._called(label), self._source.saved.now
            if self.file is None or saved.keywords is not None:
                raise CommandError("save: the keywords in force stand in no file; set it without")
            self._known_digest = await in_background(lambda: self._write(threshold, concerned))
            others = {name: value for name, value in saved.thresholds.items() if name not in concerned}
            if EVERY_KEYWORD in others:
                others = {} if label is None else {**others, label: threshold}
            await self._bring_into_force(replace(saved, thresholds=others, file_digest=self._known_digest))
            return concerned

    def _called(self, label: str | None) -> tuple[str, ...]:
        """The keywords in force of that name, or all. Raises CommandError: there is none."""
        concerned = tuple(name for name in self._state.keywords if label in {None, name})
        if not concerned:
            raise CommandError(f'keyword: there is no "{label}"; `status` lists the names')
        return concerned

    def _write(self, threshold: float, concerned: tuple[str, ...]) -> str:
        """The digest of the keyword file with that threshold. Raises CommandError."""
        from kwsd.keywords.edit import write_keywords  # noqa: PLC0415 - seldom wanted

        assert self._source.file is not None  # noqa: S101 - asked before
        try:
            found = self._source.read_as(Saved(), self._spotter.tokenizer)
            in_file = {each.label: each for each in found.keywords} if found else {}
            write_keywords(self._source.file, {in_file[name]: {"threshold": threshold} for name in concerned})
        except KeyError as error:
            raise CommandError(f"save: {self.file} has no keyword {error} any more") from None
        except KeywordFileError as error:
            raise CommandError(f"save: {error}") from None
        except OSError as error:
            raise CommandError(f"save: {self.file}: cannot be written: {error.strerror}; it is as it was") from None
        return self._source.digest()

    async def _again(self) -> None:
        async with self._one_at_a_time:
            await self._bring_into_force(self._source.saved.now)

    async def _reload(self) -> Reloaded:
        self._known_digest = await in_background(self._source.digest)
        try:
            return await self._bring_into_force(
                Saved(muted=self._source.saved.now.muted, file_digest=self._known_digest), self._spotter.sentences
            )
        except CommandError as error:
            self._tell(ReloadFailed(problems=tuple(str(error).splitlines())))
            raise

    async def _reported(self, work: Callable[[], Coroutine[Any, Any, object]]) -> None:
        try:
            await work()
        except CommandError as error:
            logger.debug("keywords stay as they are: %s", error)

    async def _bring_into_force(self, asked: Saved, heard: SentenceSearch | None = None) -> Reloaded:
        """Read, compile, hand over to the decoding thread, wait until it has taken it, keep what was asked.

        `heard` are sentences that are to be read again.
        """
        try:
            found, compiled = await in_background(lambda: self._compile(asked))
            sentences = await in_background(heard.compiled.again) if heard else None
            change = NewKeywords(compiled, sentences)
            self._inbox.put(change)
            await asyncio.wait_for(asyncio.wrap_future(change.done), SWAP_S)
        except TimeoutError:
            raise CommandError("decoding hangs: the new list could not be brought into force") from None
        except ConfigError as error:
            raise CommandError(str(error)) from None
        except OSError as error:
            raise CommandError(f"{self._source.file}: {error.strerror or error}; try again") from None
        except Exception as error:
            logger.exception("a keyword list could not be brought into force")
            raise CommandError(f"{self._source.file}: {type(error).__name__}: {error}") from None
        if asked != self._source.saved.now:
            await self._source.saved.change(
                keywords=asked.keywords, thresholds=asked.thresholds, file_digest=asked.file_digest
            )
        self._state.keywords_from = "socket" if asked.overrides_file else "file"
        problems = (*found.problems, *(sentences.listed.problems if sentences else ()))
        told = Reloaded(keywords=labels(found.keywords), problems=first_few(map(str, problems)))
        self._tell(told)
        return told

    def _compile(self, asked: Saved) -> tuple[KeywordList, object]:
        try:
            found = self._source.read_as(asked, self._spotter.tokenizer)
        except NothingUsableError as error:
            stand_ins = self._spotter.stand_ins if isinstance(self._spotter, StandsIn) else ()
            if not (stand_ins and error.problems):  # a file without a line is a mistake for any model
                raise
            found = KeywordList(with_thresholds(stand_ins, asked), error.problems)
        if found is None:
            found = KeywordList(with_thresholds(self._own, asked))
        return found, self._spotter.compile(found.keywords)


def with_thresholds(keywords: Sequence[Keyword], asked: Saved) -> tuple[Keyword, ...]:
    """The keywords with the thresholds that were set over the socket."""
    every = asked.thresholds.get(EVERY_KEYWORD)
    given = ((each, asked.thresholds.get(each.label, every)) for each in keywords)
    return tuple(each if value is None else replace(each, threshold=value) for each, value in given)
