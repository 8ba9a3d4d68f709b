"""One stream of sound: features → encoder → beam → rules → Detection. Cheap to make; shares its model."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from kwsd import timebase
from kwsd.acoustic.encoder import EncoderStream
from kwsd.acoustic.fbank import Fbank
from kwsd.acoustic.loudness import Loudness
from kwsd.acoustic.model import Model
from kwsd.audio.samples import checked_samples
from kwsd.events import Detection
from kwsd.keywords.compile import KeywordSet, compile_keywords
from kwsd.keywords.files import read_keyword_file
from kwsd.keywords.keyword import Keyword
from kwsd.search.beam import BeamSearch
from kwsd.search.posteriors import FrameHistory
from kwsd.search.rules import Decider, Hit, NearMiss
from kwsd.search.settings import SearchSettings

HISTORY_FRAMES = 250  # 10 s: the longest phrase that can still be aligned
REPLAY_FRAMES = 50  # 2 s: a phrase under way when the keywords change is taken up again from here
FINISH_S = 1.0  # silence that brings out the last words: look-ahead, chunk and trailing blanks


def load_keywords(path: str | Path, model: Model) -> list[Keyword]:
    """Read a keyword file for a model; lines that cannot be used are left out.

    Raises:
        KeywordFileError: no line can be used; the message lists every bad line and why.
    """
    return list(read_keyword_file(Path(path), model.tokenizer).keywords)


class Spotter:
    """Hears keywords in one stream. Not thread-safe: one thread at a time calls it."""

    _beam: BeamSearch
    _decider: Decider

    def __init__(
        self,
        model: Model,
        keywords: Sequence[Keyword],
        settings: SearchSettings | None = None,
        on_near_miss: Callable[[NearMiss], None] | None = None,
    ) -> None:
        """Listen for `keywords` with `model`; `on_near_miss` is told of phrases that came close.

        Without `settings` the defaults of the model's model.toml hold.

        Raises:
            ConfigError: a keyword cannot be written in the model's pieces.
        """
        self._model = model
        self._settings = settings or SearchSettings(**model.description.search.given())
        self._fbank = Fbank(model.encoder.chunk_frames, model.encoder.shift_frames)
        self._encoder = EncoderStream(model.encoder)
        self.on_near_miss = on_near_miss
        self.bad_chunks = 0
        """Chunks whose encoder output was not finite; the encoder state started over each time."""
        self._keyword_set = self.compile(keywords)
        self.reset()

    def compile(self, keywords: Sequence[Keyword]) -> KeywordSet:
        """The slow part of `set_keywords`, which another thread may do beforehand.

        Raises:
            ConfigError: a keyword cannot be written in the model's pieces.
        """
        return compile_keywords(keywords, self._model.tokenizer, self._model.transducer.vocabulary_size, self._settings)

    def accept(self, samples: NDArray[np.float32]) -> list[Detection]:
        """Take float samples (n,), 16 kHz mono, and return what they complete, in the order spoken.

        How sound is split over calls makes no difference. Samples that are not finite count as silence.

        Raises:
            ValueError: not one-dimensional floating-point samples.
        """
        samples = checked_samples(samples)
        self._accepted_samples += len(samples)
        return [detection for chunk in self._fbank.accept(samples) for detection in self._decode(chunk)]

    def _decode(self, chunk: NDArray[np.float32]) -> Iterator[Detection]:
        """One chunk of fbank (T, 80): the straight line."""
        self._chunks += 1
        frames = self._encoder.step(chunk)
        if frames is None:
            self._pass_over()
            return
        first_frame = self._history.end
        self._history.append(frames)
        self._loudness.append(chunk)
        arrivals = self._beam.step(frames, first_frame)
        hits = self._decider.decide(arrivals, self._beam, self._loudness.pause_ahead)
        self._tell_near_misses()
        yield from (self._detection(hit) for hit in hits)

    def finish(self) -> list[Detection]:
        """The sound has ended: return what its last words complete. `reset()` before any more sound."""
        return self.accept(np.zeros(timebase.samples(FINISH_S), np.float32))

    def skip(self, lost_samples: int) -> list[Detection]:
        """Sound is missing here: silence stands in for it, and the clock goes on.

        After more than a second nothing that was heard before is of use, so the encoder starts over.
        """
        stand_in = min(lost_samples, timebase.SAMPLE_RATE)
        detections = self.accept(np.zeros(stand_in, np.float32))
        if lost_samples > stand_in:
            self._start(at_sample=self._accepted_samples + lost_samples - stand_in)
        return detections

    def reset(self) -> None:
        """Start a new stream at 0 s with the same keywords."""
        self._start(at_sample=0)

    def set_keywords(self, keywords: Sequence[Keyword] | KeywordSet) -> None:
        """Listen for other keywords from the next chunk on. What is being said meanwhile is not lost.

        Raises:
            ConfigError: a keyword cannot be written in the model's pieces; the old ones stay.
        """
        self._keyword_set = keywords if isinstance(keywords, KeywordSet) else self.compile(keywords)
        before = self._decider
        self._beam, self._decider = self._new_search()
        self._decider.carry_over(before)
        recent = self._history.tail(REPLAY_FRAMES)
        if len(recent):
            self._beam.step(recent, self._history.end - len(recent))

    def _new_search(self) -> tuple[BeamSearch, Decider]:
        beam = BeamSearch(self._keyword_set, self._model.transducer, self._settings)
        return beam, Decider(self._keyword_set, self._model.transducer, self._history)

    def _start(self, at_sample: int) -> None:
        """Forget all sound; the next sample is number `at_sample`."""
        self._fbank.reset()
        self._encoder.reset()
        self._history = FrameHistory(HISTORY_FRAMES)
        self._loudness = Loudness(self._model.encoder.shift_frames)
        self._beam, self._decider = self._new_search()
        self._origin_samples = self._accepted_samples = at_sample
        self._chunks = 0

    @property
    def position_samples(self) -> int:
        """The stream's clock: samples accepted and skipped."""
        return self._accepted_samples

    @property
    def keywords(self) -> tuple[Keyword, ...]:
        """Those being listened for."""
        return self._keyword_set.keywords

    def _detection(self, hit: Hit) -> Detection:
        keyword = self._keyword_set.keywords[hit.keyword]
        timestamps = tuple(self.seconds_of(frame) for frame in hit.emissions)
        end = self.seconds_of(hit.alignment.frames[-1] + 1)
        heard = timebase.seconds(self._origin_samples + self._samples_decoded())
        return Detection(
            keyword=keyword.label,
            phrase=keyword.phrase,
            start=timestamps[0],
            end=end,
            score=round(hit.alignment.score, 4),
            min_score=round(hit.alignment.min_score, 4),
            threshold=self._keyword_set.rules[hit.keyword].threshold,
            tokens=self._model.tokenizer.pieces(hit.tokens),
            timestamps=timestamps,
            stream_time=heard,
            latency_ms=round((heard - end) * 1000, 1),
        )

    def seconds_of(self, encoder_frame: int) -> float:
        """Encoder frame → seconds of the stream at which it begins."""
        return timebase.seconds(self._origin_samples + timebase.encoder_frame_start(encoder_frame))

    def _samples_decoded(self) -> int:
        """Samples that the last chunk reached to, counted from the origin."""
        encoder = self._model.encoder
        return timebase.fbank_samples_needed((self._chunks - 1) * encoder.shift_frames + encoder.chunk_frames)

    def _pass_over(self) -> None:
        """The chunk gave nothing usable: time goes on, phrases under way are lost."""
        self.bad_chunks += 1
        self._history.skip(self._model.encoder.output_frames)
        self._beam.reset()

    def _tell_near_misses(self) -> None:
        if self.on_near_miss is not None:
            for near_miss in self._decider.near_misses:
                self.on_near_miss(near_miss)
