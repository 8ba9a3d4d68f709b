"""Sound of which there are no frames yet: what is said now is known a third of a second sooner."""

from __future__ import annotations

import numpy as np

from kwsd.acoustic.fbank import NUM_BINS
from kwsd.acoustic.gate import mean_power
from kwsd.acoustic.stream import AcousticStream
from kwsd.stream import Float32
from kwsd.timebase import SUBSAMPLING

NOTHING = np.empty((0, NUM_BINS), np.float32)


class SoundAhead:
    """What a stream has taken since the last frames that it gave. Asking changes nothing in the stream."""

    def __init__(self, stream: AcousticStream) -> None:
        self._stream = stream

    @property
    def arrived_sample(self) -> int:
        """Where the sound ends."""
        return self._stream.next_sample or 0

    def power(self) -> Float32:
        """(T,), nats: log of the mean mel power of every 10 ms behind those of the last frames."""
        return mean_power(self._fbank())

    def encoder_out(self, count: int) -> Float32:
        """What the encoder makes of the first `count` of these 10 ms, at most a segment's → (n, C), n ≤ 8.

        It looks further ahead than that: there the room is taken to be as quiet as it was at the quietest.
        """
        encoder, last = self._stream.encoder, self._stream.last
        if last is None:
            raise ValueError("no frames were given yet, so nothing is ahead of any")
        known = np.concatenate([last.fbank[encoder.shift_frames :], self._fbank()[:count]])[: encoder.segment_frames]
        room = np.repeat(known.min(axis=0, keepdims=True), encoder.segment_frames - len(known), axis=0)
        segment = np.concatenate([known, room]) + np.float32(last.gain_nats)
        encoder_out, _ = encoder.run([segment], [self._stream.state])[0]
        return encoder_out[: len(known) // SUBSAMPLING]

    def _fbank(self) -> Float32:
        """(T, 80), as far as it goes on where the last frames are: behind a gap it begins anew."""
        stream, last = self._stream, self._stream.last
        held = stream.gate.held if stream.gate else ()
        shift = stream.encoder.shift_frames
        ahead = [(each.origin_sample, each.fbank[-shift:]) for each in (*stream.waiting, *held)]
        ahead.append((stream.origin_sample, stream.fbank.ahead()))
        origin_sample = last.origin_sample if last else stream.origin_sample
        return np.concatenate([fbank for origin, fbank in ahead if origin == origin_sample] or [NOTHING])
