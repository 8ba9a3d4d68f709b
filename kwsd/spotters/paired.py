"""The open vocabulary and the fixed words on the same sound, with the face of one spotter."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Any

from kwsd.acoustic.gate import Quiet
from kwsd.commands12.vocabulary import normal
from kwsd.errors import ConfigError
from kwsd.events import Degraded, Detection, Event, Loaded
from kwsd.keywords.compile import CompiledKeywords
from kwsd.keywords.keyword import Keyword
from kwsd.sentences.search import SentenceSearch
from kwsd.spotters.fixed import FixedSpotter
from kwsd.spotters.interface import PhraseHearer, Spotter
from kwsd.spotters.merge import Merge
from kwsd.spotters.model_retry import ModelRetry
from kwsd.spotters.orders import OrderListener
from kwsd.spotters.realtime import RealTime, Verdict
from kwsd.stream import NO_SAMPLES, Chunk, Frames
from kwsd.text.phrase_tokenizer import PhraseTokenizer
from kwsd.timebase import seconds

TOO_SLOW = "the open-vocabulary model is slower than the sound: only the fixed commands are heard"
NO_MODEL = "the open-vocabulary model cannot be loaded: only the fixed commands are heard"
BACK = "the open-vocabulary model hears again"


class PairedSpotter:
    """Two spotters, one stream. Not thread-safe, but for `compile`: one thread at a time calls it.

    `alongside` runs both and joins what they hear. Otherwise the fixed words are a stand-in: they are listened for only
    while there is no open-vocabulary model, while that one is too slow, and while it is being tried again. A spotter
    that sits out meets a gap when its turn comes.
    """

    def __init__(
        self,
        fixed: FixedSpotter,
        phrases: PhraseHearer | None,
        *,
        alongside: bool = False,
        retry: ModelRetry | None = None,
        clock: Callable[[], float] = time.perf_counter,
    ) -> None:
        """`retry` loads the open-vocabulary model when it could not be loaded before; `clock` gives seconds."""
        self._fixed, self._phrases = fixed, phrases
        self._alongside, self._retry, self._clock = alongside, retry, clock
        self._pace, self._merge = RealTime(), Merge()
        self._is_degraded = False
        self._replaced_by: tuple[Keyword, ...] | None = None
        self.frames: list[Frames] = []
        """Those of the open vocabulary that the last push searched."""
        self.position_samples = 0
        """Samples of the stream so far, lost ones included."""
        if phrases is not None:
            self._hear_words_of(phrases.compiled)
        self._share()

    @property
    def name(self) -> str:
        """What to call the models that hear now."""
        return f"{self._phrases.name} + {self._fixed.name}" if self._phrases else self._fixed.name

    @property
    def keywords(self) -> tuple[Keyword, ...]:
        """Those being listened for."""
        return self._phrases.keywords if self._phrases else self._fixed.keywords

    @property
    def tokenizer(self) -> PhraseTokenizer:
        """The one that keywords are to be read with now."""
        return self._phrases.tokenizer if self._phrases else self._fixed.tokenizer

    @property
    def stand_ins(self) -> tuple[Keyword, ...]:
        """All the fixed words, while the model that a list is for may still come; then none."""
        return self._fixed.known(()) if self._phrases is None and self._retry is not None else ()

    @property
    def heard_samples(self) -> int:
        """Samples of the stream that have been heard through, by whoever listens."""
        listens = self._phrases is not None and not self._pace.paused
        return self._phrases.heard_samples if self._phrases and listens else self._fixed.heard_samples

    @property
    def bad_chunks(self) -> int:
        """Calls of either model that came to nothing usable."""
        return self._fixed.bad_chunks + (self._phrases.bad_chunks if self._phrases else 0)

    @property
    def thresholds(self) -> dict[str, float]:
        """By the keyword's name: what a score has to reach."""
        return self._phrases.thresholds if self._phrases else self._fixed.thresholds

    def held(self) -> dict[str, float]:
        """By the keyword's name: what has been heard of it so far, 0 to 1."""
        return self._phrases.held() if self._phrases and not self._pace.paused else self._fixed.held()

    @property
    def weights(self) -> str:
        """Names the open vocabulary's encoder."""
        return self._phrases.weights if self._phrases else ""

    @property
    def quiet(self) -> Quiet | None:
        """How things stand with the gate of the open vocabulary."""
        return self._phrases.quiet if self._phrases else None

    @property
    def gain_db(self) -> float:
        """That of the open vocabulary."""
        return self._phrases.gain_db if self._phrases else 0.0

    @property
    def orders(self) -> OrderListener | None:
        """That of the open vocabulary, while it hears."""
        return self._phrases.orders if self._phrases and not self._pace.paused else None

    @property
    def sentences(self) -> SentenceSearch | None:
        """That of the open vocabulary."""
        return self._phrases.sentences if self._phrases else None

    def push(self, chunk: Chunk) -> list[Event]:
        """The next sound → what is to be told, in the order decided."""
        told: list[Event] = []
        self.frames = []
        if chunk.start_sample > self.position_samples:  # what was said before the gap waits for nobody
            told += self._hear(Chunk(chunk.start_sample, NO_SAMPLES, chunk.source))
            told += self._merge.flush()
        return told + self._hear(chunk)

    def finish(self) -> list[Event]:
        """The sound has ended: what its last words complete."""
        listening: list[Spotter] = [self._fixed] if self._is_standing_in else []
        if self._phrases and not self._pace.paused and self._phrases.position_samples == self.position_samples:
            listening.insert(0, self._phrases)
        told = self._merged([event for spotter in listening for event in spotter.finish()])
        return told + self._merge.flush()

    def compile(self, keywords: Sequence[Keyword]) -> Any:
        """Make a list ready for `replace`; slow. Raises ConfigError for what cannot be heard."""
        return self._phrases.compile(keywords) if self._phrases else self._fixed.compile(keywords)

    def replace(self, compiled: Any) -> None:
        """Listen for a compiled list from now on; thresholds of the fixed words are taken from it too.

        Raises:
            ConfigError: it was compiled before the model came.
        """
        if self._phrases is None:
            self._replaced_by = compiled
            self._fixed.replace(compiled)
            return
        if not isinstance(compiled, CompiledKeywords):
            raise ConfigError("the open-vocabulary model has just been loaded: give the keywords again")
        self._phrases.replace(compiled)
        self._hear_words_of(compiled)
        self._share()

    def _hear_words_of(self, compiled: CompiledKeywords) -> None:
        self._fixed.replace(self._fixed.known((*compiled.keywords, *compiled.switched_off)))

    @property
    def _is_standing_in(self) -> bool:
        """Whether the fixed words are listened for."""
        return self._alongside or self._phrases is None or self._pace.paused or self._pace.on_trial

    def _share(self) -> None:
        """Words of both lists wait for each other only while both are listened for."""
        both = self._phrases is not None and not self._pace.paused and self._is_standing_in
        phrases = {normal(keyword.phrase) for keyword in self.keywords}
        self._merge.share(phrases & set(self._fixed.words) if both else ())

    def _hear(self, chunk: Chunk) -> list[Event]:
        told = self._look_for_model()
        heard: list[Event] = []
        if self._phrases and self._pace.paused:
            self._pace.rested(seconds(len(chunk.samples)))
            self._share()
        elif self._phrases:
            began = self._clock()
            heard += self._phrases.push(chunk)
            self.frames += self._phrases.frames
            if not self._alongside:
                told += self._judge(seconds(len(chunk.samples)), self._clock() - began)
        if self._is_standing_in:
            heard += self._fixed.push(chunk)
        self.position_samples = chunk.end_sample
        return told + self._merged(heard)

    def _merged(self, heard: Sequence[Event]) -> list[Event]:
        others: list[Event] = [event for event in heard if not isinstance(event, Detection)]
        detections = [event for event in heard if isinstance(event, Detection)]
        return [*others, *self._merge.push(detections, self.position_samples, self._fixed.candidate)]

    def _judge(self, sound_s: float, work_s: float) -> list[Event]:
        """Whether the model keeps up with the sound."""
        verdict = self._pace.worked(sound_s, work_s)
        self._share()
        if verdict is Verdict.TAKE_OVER:
            stopped = self._phrases.orders.stop("lost") if self._phrases and self._phrases.orders else ()
            return [*stopped, *self._degraded(True, TOO_SLOW)]
        return self._degraded(False, BACK) if verdict is Verdict.HAND_BACK else []

    def _look_for_model(self) -> list[Event]:
        """Take the open-vocabulary model once it can be loaded after all."""
        if self._phrases is not None or self._retry is None:
            return []
        told = self._degraded(True, NO_MODEL)
        self._phrases = self._retry.poll(self.position_samples, self._replaced_by)
        if self._phrases is None:
            return told
        self._hear_words_of(self._phrases.compiled)
        self._share()
        labels = tuple(keyword.label for keyword in self._phrases.keywords)
        return [*told, Loaded(model=self.name, keywords=labels), *self._degraded(False, BACK)]

    def _degraded(self, active: bool, reason: str) -> list[Event]:
        if active == self._is_degraded:
            return []
        self._is_degraded = active
        return [Degraded(active=active, reason=reason)]
