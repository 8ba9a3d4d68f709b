"""The sound of one utterance, for transcribers that take it whole."""

from __future__ import annotations

import numpy as np

from kwsd.audio.wav import to_pcm, wav_bytes
from kwsd.errors import TranscriptError
from kwsd.stream import Chunk, Float32
from kwsd.timebase import SAMPLE_RATE, seconds

LONGEST_S = 120


class Utterance:
    """Chunks as they came; lost sound between them is silence."""

    def __init__(self) -> None:
        self._start_sample = 0
        self._length = 0
        self._parts: list[Float32] = []

    @property
    def start_s(self) -> float:
        """Where it begins in the stream, seconds."""
        return seconds(self._start_sample)

    @property
    def length_s(self) -> float:
        """How long it is, seconds."""
        return seconds(self._length)

    def push(self, chunk: Chunk) -> None:
        """Keep the next sound. Raises TranscriptError: there is more than a recogniser is to be given at once."""
        if not self._parts:
            self._start_sample = chunk.start_sample
        gap = chunk.start_sample - self._start_sample - self._length
        if self._length + gap + len(chunk.samples) > LONGEST_S * SAMPLE_RATE:
            raise TranscriptError(f"longer than {LONGEST_S} s; cut the sound, or let the model itself transcribe it")
        self._parts += [np.zeros(gap, np.float32), chunk.samples]
        self._length += gap + len(chunk.samples)

    def samples(self) -> Float32:
        """All of it (n,)."""
        return np.concatenate([np.zeros(0, np.float32), *self._parts])

    def wav(self) -> bytes:
        """All of it as a WAV file of 16 bits at 16 kHz."""
        return wav_bytes(to_pcm(self.samples()))
