"""Encoder frames → sentences heard or nearly heard: token passing over places of the graph and contexts of the decoder.

Beside the sentences runs a search for any text (`TextBeam`). What a hypothesis is worth is how much less probable it is
than that text since the sentence began, so that a loud room or a hard speaker costs both alike, and speech that is no
sentence is known by the distance. A sentence ends with a pause.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from kwsd.quick_dataclass import dataclass
from kwsd.search.context_rows import ContextRows
from kwsd.search.posteriors import Acoustics
from kwsd.search.text_beam import TextBeam, TextEmission
from kwsd.sentences.settings import SentenceSettings
from kwsd.stream import Frames
from kwsd.units import BLANK_ID, START, Context

if TYPE_CHECKING:  # every daemon knows this search by its name, and few have sentences
    from kwsd.sentences.compile import CompiledSentences
    from kwsd.sentences.graph import Place, SentenceReading

FREE_BEAM = 2
NATS_BEHIND = 30.0
"""Behind the best hypothesis, beyond which one is dropped."""
BOOST_NATS = 1.5
"""Lent per unit to what is kept, as to keywords, and no part of any score: to say nothing costs a transducer so little
that beginnings of other sentences, which wait for their next word, would push out one that is being said."""
HOPELESS_NATS = -80.0
"""Behind any text: no sentence is accepted from so far, and the nearest one is not to be told from others."""
UNSPOKEN_NATS = -8.0
"""Mean log-probability of the units of a word below which it was not said, however well the others fit."""
SHORT_UNITS, SHORT_FACTOR, SHORT_MOST = 5, 1.2, 0.5
"""Sentences of so few units come about by chance among other words: their score has to be so many times the threshold,
but for one that is set higher than the last of these."""
PAUSE_FRAMES = 4
"""160 ms without a unit: a sentence may begin here."""


class SentenceHypothesis(NamedTuple):
    """One way to have said the beginning of a sentence."""

    place: Place
    context: Context
    gain: float
    """Nats by which it is more probable than any text since it began: mostly below 0."""
    emissions: tuple[TextEmission, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class HeardSentence:
    """A sentence, decided at the end of what was said."""

    reading: SentenceReading
    emissions: tuple[TextEmission, ...]
    score: float
    """Mean per unit of how much less probable it is than any text: 0 to 1."""
    threshold: float
    """What the score has to reach."""
    accepted: bool


class SentenceSearch:
    """The sentences of one stream. While it is not armed, frames cost nothing."""

    def __init__(self, compiled: CompiledSentences, acoustics: Acoustics, settings: SentenceSettings) -> None:
        """Others may search the same at the same time."""
        self.compiled = compiled
        """Those that may be said."""
        self._next: CompiledSentences | None = None
        self._graph = compiled.graph()
        self._acoustics = acoustics
        self._settings = settings
        self._armed = False
        self._origin_sample: int | None = None
        self._begin()

    def arm(self, frames: Iterable[Frames] = ()) -> list[HeardSentence]:
        """A sentence may begin at once, from `frames` on, which have come already → what these decide."""
        self._armed, self._origin_sample = True, None
        self._take_next()
        self._begin()
        return [heard for each in frames for heard in self.push(each)]

    def disarm(self) -> None:
        """Search no more."""
        self._armed = False
        self._graph.forget()

    @property
    def is_under_way(self) -> bool:
        """Whether something is being said that is yet to be decided."""
        return self._armed and self._spoken

    def replace(self, compiled: CompiledSentences) -> None:
        """Others may be said from now on; the one that is being said is heard out. Fast."""
        self._next = compiled

    def _take_next(self) -> None:
        if self._next is not None and not self.is_under_way:
            self.compiled, self._next = self._next, None
            self._graph = self.compiled.graph()
            self._begin()

    def push(self, frames: Frames) -> list[HeardSentence]:
        """The next frames → what they decide. A new origin, and frames that were not heard, begin anew."""
        if not self._armed:
            return []
        self._take_next()
        if frames.origin_sample != self._origin_sample:
            self._origin_sample = frames.origin_sample
            self._begin()
        if frames.encoder_out is None:
            self._silent += frames.count
            return self._decide()
        found = []
        rows = ContextRows(self._acoustics, frames.encoder_out, [self._free.best.context, START])
        for offset in range(frames.count):
            self.step(rows, offset, frames.first + offset)
            found += self._decide()
        self._free.settle()
        return found

    def finish(self) -> list[HeardSentence]:
        """The sound has ended: decide now."""
        self._silent = 10**6
        return self._decide()

    def _begin(self) -> None:
        self._free = TextBeam(self._acoustics, FREE_BEAM)
        self._silent, self._since = PAUSE_FRAMES, 0
        self._spoken = False
        self._hypotheses = [SentenceHypothesis(self._graph.root, START, 0.0, ())]

    def step(self, rows: ContextRows, offset: int, number: int) -> None:
        """One frame of the free search and of the sentences."""
        emitted = self._free.best.text
        gained = self._free.step(rows, offset, number)
        if self._free.best.text != emitted:
            self._since = self._since if self._spoken else number
            self._silent, self._spoken = 0, True
        else:
            self._silent += 1
        live = self._hypotheses
        if not self._spoken and self._silent >= PAUSE_FRAMES:  # whatever silence cost one that has not begun
            root = SentenceHypothesis(self._graph.root, START, 0.0, ())
            live = [root, *(h for h in live if h.emissions)]
        if not live:
            return
        at = rows.at([h.context for h in live], offset)
        parts = [
            np.append(row[h.place.tokens], row[BLANK_ID]) + np.float32(h.gain - gained)
            for h, row in zip(live, at, strict=True)
        ]
        gains = np.concatenate(parts)
        sizes = [len(part) for part in parts]
        ends = np.cumsum(sizes)
        ranks = gains + np.repeat([BOOST_NATS * (len(h.emissions) + 1) for h in live], sizes)
        ranks[ends - 1] -= BOOST_NATS
        kept = np.flatnonzero((ranks >= ranks.max() - NATS_BEHIND) & (gains >= HOPELESS_NATS))
        if len(kept) > 2 * self._settings.beam:  # some become one
            kept = kept[(-ranks[kept]).argpartition(2 * self._settings.beam)[: 2 * self._settings.beam]]
        owners = np.searchsorted(ends, kept, side="right").tolist()
        new = merged(
            self.successor(live[owner], int(index) - int(ends[owner]), float(gains[index]), gained, number)
            for owner, index in zip(owners, kept.tolist(), strict=True)
        )
        new.sort(key=lambda h: -h.gain - BOOST_NATS * len(h.emissions))
        self._hypotheses = new[: self._settings.beam]

    def successor(
        self, h: SentenceHypothesis, from_end: int, gain: float, gained: float, number: int
    ) -> SentenceHypothesis:
        """`from_end` counts back from behind the blank, which is the last of what may follow."""
        if from_end == -1:
            return h._replace(gain=gain)
        token = int(h.place.tokens[from_end + 1])
        emitted = TextEmission(token, number, gain - h.gain + gained)
        return SentenceHypothesis(
            self._graph.step(h.place, token), (h.context[1], token), gain, (*h.emissions, emitted)
        )

    @property
    def _is_said(self) -> bool:
        """Whether any text still has a unit of what seemed to be said: else it was a sound, such as a wake word's end.

        Such a unit may have been emitted before the text that has it became the likeliest, but not before the pause.
        """
        return any(each.frame > self._since - self._settings.end_frames for each in self._free.best.emissions)

    def _decide(self) -> list[HeardSentence]:
        """Whether what was said has ended, and what it was."""
        if not self._spoken or self._silent < self._settings.end_frames:
            return []
        begun = [h for h in self._hypotheses if h.emissions]
        if begun and not begun[0].place.final and self._silent < 2 * self._settings.end_frames:
            return []  # in the middle of a sentence one may pause
        whole = [h for h in begun if h.place.final] or begun
        self._spoken = False
        self._hypotheses = [SentenceHypothesis(self._graph.root, START, 0.0, ())]
        self._graph.forget()
        if not whole:
            return []
        best = whole[0]  # in the order of the beam: by the mean per unit one without its weak word would win
        reading = self._graph.read([emission.token for emission in best.emissions])
        if reading is None or not reading.steps:
            return []
        score = math.exp(min(0.0, best.gain) / len(best.emissions))
        spoken = min(
            sum(emission.log_prob for emission in best.emissions[step.first : step.last + 1])
            / (step.last + 1 - step.first)
            for step in reading.steps
        )
        least = self._settings.threshold
        if len(best.emissions) <= SHORT_UNITS:
            least = max(least, min(SHORT_MOST, SHORT_FACTOR * least))
        accepted = best.place.final and score >= least and spoken >= UNSPOKEN_NATS
        if not accepted and not self._is_said:
            return []
        heard = HeardSentence(
            reading=reading,
            emissions=best.emissions,
            score=score,
            threshold=least,
            accepted=accepted,
        )
        return [heard]


def merged(hypotheses: Iterable[SentenceHypothesis]) -> list[SentenceHypothesis]:
    """Those with the same future become one: probabilities add, the better one's times stay."""
    merged: dict[tuple[int, Context], SentenceHypothesis] = {}
    for h in hypotheses:
        future = (id(h.place), h.context)
        known = merged.get(future)
        if known is None:
            merged[future] = h
            continue
        better, worse = (known, h) if known.gain >= h.gain else (h, known)
        merged[future] = better._replace(gain=better.gain + math.log1p(math.exp(worse.gain - better.gain)))
    return list(merged.values())
