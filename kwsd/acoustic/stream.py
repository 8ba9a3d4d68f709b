"""One stream of sound: Chunks in, Frames out. Owns the features and the encoder's memory of what was heard."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence

import numpy as np

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
        # In NumPy they cost a third, which is most of a quiet room, and differ by 6e-5 on a golden recording. Behind
        # upstream's int8 export that was enough to hear NIGHT in its NIGHTFALL, as noise of 1e-4 is one time in ten.
        self._features = Fbank if (gate or numpy_features) and self.encoder.is_compact else KaldiFbank
        self.state = self.encoder.initial_state()
        """The encoder's memory. Silence never resets it."""
        self.waiting: deque[Segment] = deque()
        """Segments that `encode` has yet to take."""
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
            self._origin_sample, self._segments = chunk.start_sample, 0
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
            segment = Segment(self._origin_sample, self._segments, fbank, self._origin_sample + needed, gain_nats=gain)
            self.waiting.extend(self.gate.push(segment) if self.gate else [segment])
            self._segments += 1

    def _release(self) -> None:
        """What the gate holds back is not waited for any longer."""
        if self.gate:
            self.waiting.extend(self.gate.reset())


def encode(streams: Sequence[AcousticStream]) -> list[list[Frames]]:
    """All frames that each stream is ready for: one call of the encoder for all that have a segment waiting.

    The streams share one encoder. Output that is not finite fails its own stream only, whose memory starts over.
    """
    results: list[list[Frames]] = [[] for _ in streams]
    while ready := [number for number, stream in enumerate(streams) if stream.waiting]:
        turn = []
        for number in ready:
            stream, segment = streams[number], streams[number].waiting.popleft()
            if segment.quiet:
                results[number].append(_frames(stream, segment, "quiet", None))
            else:
                turn.append((number, stream, segment))
        encoder = streams[0].encoder
        states = [stream.state if segment.number else encoder.initial_state() for _, stream, segment in turn]
        heard = (
            encoder.run([segment.fbank + np.float32(segment.gain_nats) for _, _, segment in turn], states)
            if turn
            else []
        )
        for (number, stream, segment), (encoder_out, state) in zip(turn, heard, strict=True):
            finite = bool(np.isfinite(encoder_out).all())
            stream.state = state if finite else encoder.initial_state()  # else two bad frames poison it
            results[number].append(_frames(stream, segment, "heard" if finite else "failed", encoder_out))
    return results


def _frames(stream: AcousticStream, segment: Segment, kind: Kind, encoder_out: Float32 | None) -> Frames:
    return Frames(
        origin_sample=segment.origin_sample,
        first=segment.number * stream.encoder.output_frames,
        count=stream.encoder.output_frames,
        kind=kind,
        encoder_out=encoder_out if kind == "heard" else None,
        power=segment.power,
        arrived_sample=segment.arrived_sample,
        gain_db=segment.gain_db,
    )
