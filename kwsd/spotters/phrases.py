"""One stream of sound: features → encoder → beam → rules → Detection. Cheap to make; shares its model."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from kwsd import timebase
from kwsd.acoustic.model import Model
from kwsd.acoustic.stream import AcousticStream
from kwsd.audio.samples import checked_samples
from kwsd.events import Detection
from kwsd.keywords.compile import CompiledKeywords, compile_keywords
from kwsd.keywords.files import read_keyword_file
from kwsd.keywords.keyword import Keyword
from kwsd.search.hits import Hit, Miss
from kwsd.search.search import KeywordSearch
from kwsd.search.settings import SearchSettings
from kwsd.stream import NO_SAMPLES, Chunk, Frames


def load_keywords(path: str | Path, model: Model) -> list[Keyword]:
    """Read a keyword file for a model; lines that cannot be used are left out.

    Raises:
        KeywordFileError: no line can be used; the message lists every bad line and why.
    """
    return list(read_keyword_file(Path(path), model.tokenizer).keywords)


class Spotter:
    """Hears keywords in one stream. Not thread-safe: one thread at a time calls it."""

    def __init__(
        self,
        model: Model,
        keywords: Sequence[Keyword | str],
        settings: SearchSettings | None = None,
        on_near_miss: Callable[[Miss], None] | None = None,
    ) -> None:
        """Listen for `keywords` with `model`; `on_near_miss` is told of phrases that came close.

        What `settings` does not give, the model's model.toml does. A text stands for the keyword of that phrase.

        Raises:
            ConfigError: a keyword cannot be written in the model's pieces.
        """
        self._model = model
        self._settings = (settings or SearchSettings()).over(model.description.search)
        self.on_near_miss = on_near_miss
        self.bad_chunks = 0
        """Chunks whose encoder output was not finite; the encoder state started over each time."""
        self._compiled = self.compile(Keyword.of(keywords))
        self.reset()

    def compile(self, keywords: Sequence[Keyword]) -> CompiledKeywords:
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
        return self.push(Chunk(self.position_samples, checked_samples(samples), ""))

    def push(self, chunk: Chunk) -> list[Detection]:
        """Take the next sound; what lies between it and the chunk before was lost."""
        return [detection for frames in self._stream.push(chunk) for detection in self.search(frames)]

    def search(self, frames: Frames) -> Iterator[Detection]:
        """What frames complete that were kept, or made elsewhere."""
        self._origin_sample = frames.origin_sample
        self.bad_chunks += frames.kind == "failed"
        for found in self._search.push(frames):
            if isinstance(found, Hit):
                yield self._detection(found, frames.arrived_sample)
            elif self.on_near_miss is not None:
                self.on_near_miss(found)

    def finish(self) -> list[Detection]:
        """The sound has ended: return what its last words complete. `reset()` before any more sound."""
        return [detection for frames in self._stream.finish() for detection in self.search(frames)]

    def skip(self, lost_samples: int) -> list[Detection]:
        """Sound is missing here, and the clock goes on."""
        return self.push(Chunk(self.position_samples + lost_samples, NO_SAMPLES, ""))

    def reset(self) -> None:
        """Start a new stream at 0 s with the same keywords."""
        self._stream = AcousticStream(self._model)
        self._search = KeywordSearch(self._compiled.searched, self._model.transducer)
        self._origin_sample = 0

    def set_keywords(self, keywords: Sequence[Keyword] | CompiledKeywords) -> None:
        """Listen for other keywords from the next chunk on. What is being said meanwhile is not lost.

        Raises:
            ConfigError: a keyword cannot be written in the model's pieces; the old ones stay.
        """
        self._compiled = keywords if isinstance(keywords, CompiledKeywords) else self.compile(keywords)
        self._search.replace(self._compiled.searched)

    @property
    def position_samples(self) -> int:
        """The stream's clock: samples accepted and skipped."""
        return self._stream.next_sample or 0

    @property
    def keywords(self) -> tuple[Keyword, ...]:
        """Those being listened for."""
        return self._compiled.keywords

    def _detection(self, hit: Hit, arrived_sample: int) -> Detection:
        keyword = self._compiled.keywords[hit.keyword]
        timestamps = tuple(self.seconds_of(frame) for frame in hit.emitted)
        end = self.seconds_of(hit.aligned[-1] + 1)
        heard = timebase.seconds(arrived_sample)
        return Detection(
            keyword=keyword.label,
            phrase=keyword.phrase,
            start=timestamps[0],
            end=end,
            score=round(hit.score, 4),
            min_score=round(hit.min_score, 4),
            threshold=self._compiled.searched.limits[hit.keyword].threshold,
            tokens=self._model.tokenizer.pieces(hit.tokens),
            timestamps=timestamps,
            stream_time=heard,
            latency_ms=round((heard - end) * 1000, 1),
        )

    def seconds_of(self, encoder_frame: int) -> float:
        """Encoder frame → seconds of the stream at which it begins."""
        return timebase.seconds(self._origin_sample + timebase.encoder_frame_start(encoder_frame))
