"""One stream of sound: Chunks in, Frames out. Owns the features and the encoder's memory of what was heard."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence

import numpy as np

from kwsd.acoustic.caches import State
from kwsd.acoustic.fbank import Fbank
from kwsd.acoustic.gain import AutomaticGain
from kwsd.acoustic.gate import QuietGate, Segment
from kwsd.acoustic.kaldi_fbank import KaldiFbank
from kwsd.acoustic.model import Model
from kwsd.stream import Chunk, Float32, Frames, Kind
from kwsd.timebase import SAMPLE_RATE, fbank_samples_needed

FINISH_SAMPLES = SAMPLE_RATE  # silence that brings out the last words: look-ahead, segment and trailing blanks
LONGEST_SILENCE_SAMPLES = SAMPLE_RATE  # after a longer gap nothing that was heard before is of use


class AcousticStream:
    """How sound is cut into chunks makes no difference. A gap of up to 1 s is silence.

    After a longer one everything heard is forgotten and a new origin begins, as it does with the first chunk.
    """

    def __init__(self, model: Model, gate: QuietGate | None = None, *, numpy_features: bool = False) -> None:
        """A stream that has heard nothing; cheap, for it shares the model. `gate` spares the encoder a quiet room.

        `numpy_features` takes the features of a stream with a gate where there is none.
        """
        self.encoder = model.encoder
        self.gate = gate
        self.gain: AutomaticGain | None = None
        """Lifts faint speech, where one is given before the first sound."""
        # NumPy's cost a third and differ by 6e-5: behind upstream's int8 export enough to hear NIGHT in its NIGHTFALL.
        self._features = Fbank if (gate or numpy_features) and self.encoder.is_compact else KaldiFbank
        self.state = self.encoder.initial_state()
        """The encoder's memory. Silence never resets it."""
        self.waiting: deque[Segment] = deque()
        """Segments that `step` has yet to take."""
        self.last: Segment | None = None
        """The last one that it took."""
        self.next_sample: int | None = None
        """Where the chunk behind all that was taken begins; None before the first."""
        self._finished = False

    def push(self, chunk: Chunk) -> list[Frames]:
        """Take the next sound and give all frames that it completes. Raises as `take` does."""
        self.take(chunk)
        return encode([self])[0]

    def finish(self) -> list[Frames]:
        """The sound has ended: the frames of its last words."""
        self.take_end()
        return encode([self])[0]

    def take(self, chunk: Chunk) -> None:
        """The features of the next sound, for `encode`. Raises ValueError: it begins too early, or behind the end."""
        if self._finished:
            raise ValueError("the stream has finished: a new one hears what comes now")
        gap = 0 if self.next_sample is None else chunk.start_sample - self.next_sample
        if gap < 0:
            raise ValueError(f"a chunk begins at sample {chunk.start_sample}, before {self.next_sample}, the last end")
        if gap:
            self._accept(np.zeros(min(gap, LONGEST_SILENCE_SAMPLES), np.float32))
        if self.next_sample is None or gap > LONGEST_SILENCE_SAMPLES:
            self._release()
            self.fbank = self._features(self.encoder.segment_frames, self.encoder.shift_frames)
            self.origin_sample, self._segments = chunk.start_sample, 0
        self._accept(chunk.samples)
        self.next_sample = chunk.end_sample

    def take_end(self) -> None:
        """The features of the silence that brings out the last words, for `encode`; nothing can come behind it."""
        self._finished = True
        if self.next_sample is not None:
            self._accept(np.zeros(FINISH_SAMPLES, np.float32))
            self._release()

    def _accept(self, samples: Float32) -> None:
        for fbank in self.fbank.accept(samples):
            needed = fbank_samples_needed(self._segments * self.encoder.shift_frames + self.encoder.segment_frames)
            gain = self.gain.push(fbank) if self.gain else 0.0
            segment = Segment(self.origin_sample, self._segments, fbank, self.origin_sample + needed, gain_nats=gain)
            self.waiting.extend(self.gate.push(segment) if self.gate else [segment])
            self._segments += 1

    def _release(self) -> None:
        """What the gate holds back is not waited for any longer."""
        if self.gate:
            self.waiting.extend(self.gate.reset())

    def give(self, segment: Segment, heard: tuple[Float32, State] | None) -> Frames:
        """The frames of a segment that the encoder heard, or was spared. Where they are not finite it begins anew."""
        self.last = segment
        kind: Kind = "quiet"
        if heard:
            kind = "heard" if np.isfinite(heard[0]).all() else "failed"
            self.state = heard[1] if kind == "heard" else self.encoder.initial_state()  # else two bad frames poison it
        return Frames(
            origin_sample=segment.origin_sample,
            first=segment.number * self.encoder.output_frames,
            count=self.encoder.output_frames,
            kind=kind,
            encoder_out=heard[0] if heard and kind == "heard" else None,
            power=segment.power,
            arrived_sample=segment.arrived_sample,
            gain_db=segment.gain_db,
        )


def encode(streams: Sequence[AcousticStream]) -> list[list[Frames]]:
    """All frames that each stream is ready for."""
    results: list[list[Frames]] = [[] for _ in streams]
    while any(stream.waiting for stream in streams):
        for result, frames in zip(results, step(streams), strict=True):
            result.extend(frames)
    return results


def step(streams: Sequence[AcousticStream]) -> list[list[Frames]]:
    """The next frames of each stream that has a segment waiting: one call of the encoder, which they share."""
    pairs = [(stream, stream.waiting.popleft() if stream.waiting else None) for stream in streams]
    turn = [(stream, segment) for stream, segment in pairs if segment and not segment.quiet]
    fbanks = [segment.fbank + np.float32(segment.gain_nats) for _, segment in turn]
    states = [stream.state if segment.number else stream.encoder.initial_state() for stream, segment in turn]
    heard = iter(streams[0].encoder.run(fbanks, states) if turn else ())
    return [[stream.give(each, None if each.quiet else next(heard))] if each else [] for stream, each in pairs]
