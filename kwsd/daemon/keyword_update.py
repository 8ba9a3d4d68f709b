"""The keyword list in force: read anew, compiled off the decoding thread, swapped in between two chunks."""

import asyncio
import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from kwsd.daemon.background import in_background
from kwsd.daemon.engine import Engine
from kwsd.daemon.reporter import Reporter
from kwsd.daemon.state import labels
from kwsd.errors import ConfigError
from kwsd.keywords.compile import CompiledKeywords
from kwsd.keywords.files import KeywordList
from kwsd.keywords.keyword import Keyword
from kwsd.protocol.commands import CommandError

logger = logging.getLogger(__name__)

SWAP_S = 5.0  # a decoding thread that does not take a new list for so long hangs


@dataclass(frozen=True, slots=True)
class _Change:
    keywords: CompiledKeywords
    done: Callable[[], object]


class KeywordDesk:
    """Takes requests on the event loop, one at a time; `between_chunks` belongs to the decoding thread."""

    def __init__(
        self,
        engine: Engine,
        read: Callable[[], KeywordList],
        wake: Callable[[], None],
        reporter: Reporter,
    ) -> None:
        """`read` reads the keyword file again; `wake` has the decoding thread take a turn though no sound comes."""
        self._engine = engine
        self._read = read
        self._wake = wake
        self._reporter = reporter
        self._change: _Change | None = None
        self._one_at_a_time = asyncio.Lock()
        self._asked = asyncio.Event()
        reporter.standing.keywords = labels(engine.keywords)

    def between_chunks(self) -> None:
        """Bring a compiled list into force, if there is one."""
        change, self._change = self._change, None
        if change is not None:
            self._engine.set_keywords(change.keywords)
            change.done()

    def ask_reload(self) -> None:
        """Reload soon; asked again before it began, once is enough."""
        self._asked.set()

    async def reload_when_asked(self, before: Callable[[], None], after: Callable[[], None]) -> None:
        """Serve `ask_reload` for ever, saying so before and after each."""
        while True:
            await self._asked.wait()
            self._asked.clear()
            before()
            try:
                await self.reload()
            except CommandError:
                logger.debug("reload failed and was reported")
            after()

    async def reload(self) -> tuple[str, ...]:
        """Read the file again; the names now in force. Raises CommandError when the old ones stay."""
        async with self._one_at_a_time:
            try:
                found = await in_background(self._read)
            except ConfigError as error:
                raise self._failed(error) from None
            return await self._bring_into_force(found.keywords, tuple(map(str, found.problems)))

    async def set_keywords(self, keywords: Sequence[Keyword | str]) -> tuple[str, ...]:
        """Listen for these; the names now in force. Raises CommandError when the old ones stay."""
        async with self._one_at_a_time:
            return await self._bring_into_force(Keyword.of(keywords))

    async def set_threshold(self, threshold: float, label: str | None) -> tuple[str, ...]:
        """Change one keyword's threshold, or all; the names concerned. Raises CommandError."""
        async with self._one_at_a_time:
            keywords = self._engine.keywords
            concerned = labels(k for k in keywords if label in {None, k.label})
            if not concerned:
                raise CommandError(f'keyword: there is no "{label}"; `status` lists the names')
            await self._bring_into_force(
                tuple(replace(k, threshold=threshold) if k.label in concerned else k for k in keywords)
            )
            return concerned

    async def _bring_into_force(self, keywords: tuple[Keyword, ...], problems: tuple[str, ...] = ()) -> tuple[str, ...]:
        try:
            compiled = await in_background(lambda: self._engine.compile(keywords))
        except ConfigError as error:
            raise self._failed(error) from None
        await self._swap(compiled)
        self._reporter.reloaded(labels(keywords), problems)
        return labels(keywords)

    async def _swap(self, compiled: CompiledKeywords) -> None:
        """Hand over to the decoding thread and wait until it has taken it."""
        loop = asyncio.get_running_loop()
        taken = asyncio.Event()
        self._change = _Change(compiled, lambda: loop.call_soon_threadsafe(taken.set))
        self._wake()
        try:
            await asyncio.wait_for(taken.wait(), SWAP_S)
        except TimeoutError:
            self._change = None
            raise CommandError("decoding hangs: the new list could not be brought into force") from None

    def _failed(self, error: ConfigError) -> CommandError:
        self._reporter.reload_failed(tuple(str(error).splitlines()))
        return CommandError(str(error))
