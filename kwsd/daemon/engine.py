"""The spotters as they are, with the face that they are to have. Goes when they have it."""
# ruff: noqa: D102 - kwsd/spotters/interface.py says it

from collections.abc import Sequence
from typing import Any

from kwsd.events import Degraded, Event, Loaded, NearMiss
from kwsd.keywords.keyword import Keyword
from kwsd.spotters.open import Ears
from kwsd.spotters.paired import Listener
from kwsd.spotters.phrases import Spotter
from kwsd.stream import Chunk
from kwsd.text.phrase_tokenizer import PhraseTokenizer


class PushedEngine:
    """A Spotter made of an engine that is told of lost sound and calls back."""

    def __init__(self, ears: Ears) -> None:
        self._ears, self._engine = ears, ears.engine
        self._told: list[Event] = []
        if isinstance(ears.engine, Listener):
            ears.engine.on_degraded, ears.engine.on_loaded = self._degraded, self._loaded
        self._trace(ears.engine.spotter if isinstance(ears.engine, Listener) else ears.engine)

    @property
    def name(self) -> str:
        return self._ears.name()

    @property
    def keywords(self) -> tuple[Keyword, ...]:
        return self._engine.keywords

    @property
    def tokenizer(self) -> PhraseTokenizer:
        return self._ears.tokenizer()

    @property
    def position_samples(self) -> int:
        return self._engine.position_samples

    @property
    def heard_samples(self) -> int:
        return self._engine.position_samples

    @property
    def bad_chunks(self) -> int:
        return self._engine.bad_chunks

    def push(self, chunk: Chunk) -> list[Event]:
        lost = chunk.start_sample - self._engine.position_samples
        heard = self._engine.skip(lost) if lost else []
        return [*heard, *self._engine.accept(chunk.samples), *self._take()]

    def finish(self) -> list[Event]:
        return [*self._engine.finish(), *self._take()]

    def compile(self, keywords: Sequence[Keyword]) -> Any:
        return self._engine.compile(keywords)

    def replace(self, compiled: Any) -> None:
        self._engine.set_keywords(compiled)

    def _take(self) -> list[Event]:
        told, self._told = self._told, []
        return told

    def _degraded(self, active: bool, reason: str) -> None:
        self._told.append(Degraded(active=active, reason=reason))

    def _loaded(self, spotter: Any) -> None:
        self._trace(spotter)
        names = tuple(dict.fromkeys(each.label for each in spotter.keywords if each.enabled))
        self._told.append(Loaded(model=self.name, keywords=names))

    def _trace(self, spotter: Any) -> None:
        if not isinstance(spotter, Spotter):
            return

        def near_miss(near: Any) -> None:
            keyword = spotter.keywords[near.keyword]
            self._told.append(
                NearMiss(
                    keyword=keyword.label,
                    phrase=keyword.phrase,
                    start=spotter.seconds_of(near.emitted[0]),
                    end=spotter.seconds_of(near.aligned[-1] + 1),
                    score=round(near.score, 4),
                    min_score=round(near.min_score, 4),
                    reason=near.reason,
                )
            )

        spotter.on_near_miss = near_miss
