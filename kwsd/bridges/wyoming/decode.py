"""Many streams decoded by few threads: whoever's next segment is complete is heard, the punctual before the hasty."""

import logging
import os
import threading
from collections import deque
from collections.abc import Callable, Sequence
from heapq import heappop, heappush
from itertools import count
from time import monotonic

from kwsd.acoustic.model import Model
from kwsd.acoustic.stream import AcousticStream, encode
from kwsd.events import Detection
from kwsd.keywords.compile import CompiledKeywords
from kwsd.search.settings import SearchSettings
from kwsd.spotters.phrases import PhraseSpotter
from kwsd.stream import Chunk, Float32, Frames
from kwsd.timebase import FBANK_SHIFT_SAMPLES, SAMPLE_RATE, fbank_samples_needed, seconds

logger = logging.getLogger(__name__)

MOST_THREADS = 4
MOST_TOGETHER = 16
"""Streams in one call of the encoder."""

EARLY_SAMPLES = SAMPLE_RATE * 80 // 1000
"""Features of so much sound are made before the segment is complete, so that less is to be done once it is."""

Tell = Callable[["Stream", Sequence[Detection]], None]


class Stream:
    """One client's sound from its `audio-start` on.

    The pool's lock guards what waits and the flags; what hears belongs to the thread whose turn it is.
    """

    def __init__(self, model: Model, settings: SearchSettings, keywords: CompiledKeywords, tell: Tell) -> None:
        self.keywords = keywords
        """Those asked for; the next step takes them up."""
        self.tell = tell
        """Called on a decoding thread after each step, with what was heard in it."""
        self.waiting: deque[Float32] = deque()
        self.waiting_samples = 0
        self.taken_samples = 0
        self.wanted_samples = fbank_samples_needed(model.encoder.segment_frames)
        """Where the next segment of the encoder is complete."""
        self.step_samples = model.encoder.shift_frames * FBANK_SHIFT_SAMPLES
        self.due_s = 0.0
        """When its next segment would have come in real time."""
        self.queued = False
        self.finishing = False
        """No more sound comes: what the last words complete is wanted."""
        self.ended = False
        """Nothing more is told."""
        self.failed = False
        """It ended by a mistake of ours."""
        self.acoustic = AcousticStream(model)
        self._spotter = PhraseSpotter(model, keywords, settings)

    @property
    def is_ready(self) -> bool:
        """Whether a step is worth its while: a segment is complete, or features can be made ahead of it."""
        enough = self.waiting_samples >= EARLY_SAMPLES
        complete = self.taken_samples + self.waiting_samples >= self.wanted_samples
        return not self.ended and (self.finishing or complete or enough)

    def take(self) -> tuple[list[Chunk], bool]:
        """The sound of the next segment, and whether it is the last."""
        chunks = []
        while self.waiting and self.taken_samples < self.wanted_samples:  # never two segments in one step
            chunks.append(Chunk(self.taken_samples, self.waiting.popleft(), ""))
            self.taken_samples = chunks[-1].end_sample
            self.waiting_samples -= len(chunks[-1].samples)
        while self.wanted_samples <= self.taken_samples:
            self.wanted_samples += self.step_samples
        return chunks, self.finishing and not self.waiting

    def search(self, frames: Sequence[Frames]) -> list[Detection]:
        """What the frames complete, of the keywords now asked for."""
        if self._spotter.compiled is not self.keywords:
            self._spotter.replace(self.keywords)
        told = [event for each in frames for event in self._spotter.search(each)]
        return [event for event in told if isinstance(event, Detection)]


class DecodePool:
    """Threads that share one model. Every method may be called by any thread and returns at once."""

    def __init__(self, model: Model, settings: SearchSettings) -> None:
        self._model = model
        self._settings = settings
        self._most_together = MOST_TOGETHER if model.encoder.stacks else 1
        self._ready: list[tuple[float, int, Stream]] = []
        self._turn = count()
        self._change = threading.Condition()
        self._threads = min(MOST_THREADS, len(os.sched_getaffinity(0)))
        for number in range(self._threads):
            threading.Thread(target=self.run, name=f"decode-{number}", daemon=True).start()

    def open(self, keywords: CompiledKeywords, tell: Tell) -> Stream:
        """A stream that has heard nothing."""
        return Stream(self._model, self._settings, keywords, tell)

    def push(self, stream: Stream, samples: Float32) -> None:
        """More sound, (n,) at 16 kHz."""
        with self._change:
            if not stream.ended:
                step = stream.step_samples  # so that no single step takes long, however much came at once
                stream.waiting.extend(samples[start : start + step] for start in range(0, len(samples), step))
                stream.waiting_samples += len(samples)
                self._queue(stream)

    def finish(self, stream: Stream) -> None:
        """Its sound has ended: hear out what there is, and tell once more, with `ended` set."""
        with self._change:
            stream.finishing = True
            self._queue(stream)

    def close(self, stream: Stream) -> None:
        """Nobody wants to know any more."""
        with self._change:
            stream.ended = True
            stream.waiting.clear()
            stream.waiting_samples = 0

    def _queue(self, stream: Stream) -> None:
        """By when it would have been due in real time: who sends faster than that waits for the others."""
        if stream.is_ready and not stream.queued:
            stream.queued = True
            stream.due_s = max(monotonic(), stream.due_s + seconds(stream.step_samples))
            heappush(self._ready, (stream.due_s, next(self._turn), stream))
            self._change.notify()

    def run(self) -> None:
        """What each thread does, for ever: as many streams in one turn as make a fair share of those that are ready."""
        while True:
            with self._change:
                while not self._ready:
                    self._change.wait()
                share = min(self._most_together, -(-len(self._ready) // self._threads))
                turn = [heappop(self._ready)[2] for _ in range(share)]
                taken = [(stream, *stream.take()) for stream in turn if not stream.ended]
            heard = hear(taken)
            with self._change:
                for stream, _, is_last in taken:
                    stream.ended = stream.ended or is_last or stream.failed
            for (stream, _, _), detections in zip(taken, heard, strict=True):
                stream.tell(stream, detections)
            with self._change:
                for stream, _, _ in taken:  # not sooner: another thread's next step would be told before this one
                    stream.queued = False
                    self._queue(stream)


def hear(taken: Sequence[tuple[Stream, Sequence[Chunk], bool]]) -> list[list[Detection]]:
    """One call of the encoder for all streams, then each one's search.

    A mistake of ours costs these streams alone, and is told.
    """
    try:
        for stream, chunks, _ in taken:
            for chunk in chunks:
                stream.acoustic.take(chunk)
        frames = encode([stream.acoustic for stream, _, _ in taken])
        rest = [stream.acoustic.finish() if is_last else [] for stream, _, is_last in taken]
        return [stream.search([*own, *end]) for (stream, _, _), own, end in zip(taken, frames, rest, strict=True)]
    except Exception as error:
        wanted = error if logger.isEnabledFor(logging.DEBUG) else None  # no traceback unless asked for
        logger.error("decoding clients' sound failed: %s: %s", type(error).__name__, error, exc_info=wanted)  # noqa: TRY400
        for stream, _, _ in taken:
            stream.failed = True
        return [[] for _ in taken]
