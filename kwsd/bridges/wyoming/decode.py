"""Many streams decoded by few threads: whoever's next segment is complete is heard, the punctual before the hasty."""

import logging
import os
import threading
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
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
GATHERED_S = 0.003
"""How long a complete segment waits for those of other streams: eight in one call cost what three calls do."""

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

    def __init__(self, model: Model, settings: SearchSettings, threads: int | None = None) -> None:
        """One processor is left to the event loop, where no number of threads is given.

        On two, eight streams in phase are told sooner by one thread, which hears them in one call, than by two.
        """
        self._model = model
        self._settings = settings
        self._most_together = MOST_TOGETHER if model.encoder.stacks else 1
        self._streams: set[Stream] = set()
        self._ready: list[tuple[float, int, Stream]] = []
        self._gathered_at_s = 0.0
        """When those that are ready are not kept waiting for others any longer."""
        self._idle = 0
        self._turn = count()
        self._change = threading.Condition()
        for number in range(threads or min(MOST_THREADS, max(1, len(os.sched_getaffinity(0)) - 1))):
            threading.Thread(target=self.run, name=f"decode-{number}", daemon=True).start()

    def open(self, keywords: CompiledKeywords, tell: Tell) -> Stream:
        """A stream that has heard nothing."""
        stream = Stream(self._model, self._settings, keywords, tell)
        with self._change:
            self._streams.add(stream)
        return stream

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
            self._streams.discard(stream)
            stream.waiting.clear()
            stream.waiting_samples = 0

    def _queue(self, stream: Stream) -> None:
        """By when it would have been due in real time: who sends faster than that waits for the others."""
        if stream.is_ready and not stream.queued:
            stream.queued = True
            if not self._ready:
                self._gathered_at_s = monotonic() + GATHERED_S
            stream.due_s = max(monotonic(), stream.due_s + seconds(stream.step_samples))
            heappush(self._ready, (stream.due_s, next(self._turn), stream))
            self._change.notify()

    def run(self) -> None:
        """What each thread does, for ever: wait for a stream, a little for others, and take a fair share of them."""
        while True:
            with self._change:
                self._idle += 1
                while not self._ready or (len(self._ready) < len(self._streams) and monotonic() < self._gathered_at_s):
                    self._change.wait(self._gathered_at_s - monotonic() if self._ready else None)
                share = min(self._most_together, -(-len(self._ready) // self._idle))
                self._idle -= 1
                turn = [heappop(self._ready)[2] for _ in range(share)]
                taken = [(stream, *stream.take()) for stream in turn if not stream.ended]
            for stream, is_last, detections in hear(taken):
                with self._change:
                    stream.ended = stream.ended or is_last or stream.failed
                    if stream.ended:
                        self._streams.discard(stream)
                stream.tell(stream, detections)
                with self._change:  # not sooner: another thread's next step would be told before this one
                    stream.queued = False
                    self._queue(stream)


def hear(taken: Sequence[tuple[Stream, Sequence[Chunk], bool]]) -> Iterator[tuple[Stream, bool, list[Detection]]]:
    """One call of the encoder for all streams; then each one, whether that was its end, and what its search found.

    Whoever takes these can tell of each before the next one is searched.
    """
    streams = [stream for stream, _, _ in taken]
    frames: list[list[Frames]] = [[] for _ in taken]
    with at_the_cost_of(streams):
        for stream, chunks, _ in taken:
            for chunk in chunks:
                stream.acoustic.take(chunk)
        frames = encode([stream.acoustic for stream in streams])
    for (stream, _, is_last), own in zip(taken, frames, strict=True):
        detections: list[Detection] = []
        with at_the_cost_of([stream]):
            rest = stream.acoustic.finish() if is_last and not stream.failed else []
            detections = stream.search([*own, *rest])
        yield stream, is_last, detections


@contextmanager
def at_the_cost_of(streams: Sequence[Stream]) -> Iterator[None]:
    """A mistake of ours within is told, and ends these streams alone."""
    try:
        yield
    except Exception as error:
        wanted = error if logger.isEnabledFor(logging.DEBUG) else None  # no traceback unless asked for
        logger.error("decoding clients' sound failed: %s: %s", type(error).__name__, error, exc_info=wanted)  # noqa: TRY400
        for stream in streams:
            stream.failed = True
