"""A slow automatic gain: faint speech is brought nearer to the loudness that models have heard most.

Between fbank and encoder, where a gain is a number added to logarithms. What it decides depends on the segments alone,
so cuts of the sound change nothing. Only what rises from the room and falls back to it, and is low as voices are,
raises the gain: neither hum nor hiss does. Louder sound takes it back at once.
"""

from __future__ import annotations

from collections import deque

import numpy as np

from kwsd.acoustic.gate import speech_power
from kwsd.stream import Float32
from kwsd.units import DB_PER_NAT

FAINT_NATS = -3.0  # -26 dBFS, which the loudest 90 ms of nearly every recording of speech are above
MOST_NATS = 30 / DB_PER_NAT
OVER_ROOM_NATS = 15 / DB_PER_NAT  # above the quietest tenth of the last 5 s; what is less may be the room
ROOM_FRAMES = 500
SHORTEST_FRAMES, LONGEST_FRAMES = 9, 400  # between a click and what runs on
FORGET_NATS = 0.3 / DB_PER_NAT  # for each 10 ms of a fainter voice: 10 dB in three syllables
LOW_BINS, HIGH_BINS = slice(4, 28), slice(58, 80)  # of 80: some 120 to 980 Hz, and 3.4 to 7.6 kHz
LOW_NATS = 10 / DB_PER_NAT  # by which a voice is stronger down there; of noises at -50 dBFS, 1 in 10 is as well


class AutomaticGain:
    """That of one stream."""

    def __init__(self, shift_frames: int) -> None:
        """Each segment brings `shift_frames` fbank frames that are new: 32 or 16."""
        self._shift_frames = shift_frames
        self._lately: deque[Float32] = deque(maxlen=ROOM_FRAMES // shift_frames)
        self._risen: deque[Float32] = deque(maxlen=-(-LONGEST_FRAMES // shift_frames) + 2)  # pieces of segments
        self._speech_nats = FAINT_NATS

    @property
    def nats(self) -> float:
        """What it adds now: 0 or above."""
        return min(MOST_NATS, max(0.0, FAINT_NATS - self._speech_nats))

    @property
    def decibels(self) -> float:
        """The same in dB."""
        return round(self.nats * DB_PER_NAT, 1)

    def push(self, fbank: Float32) -> float:
        """The next segment (T, 80) → what to add to it, nats."""
        new = fbank[-self._shift_frames :]
        power = speech_power(new)
        self._lately.append(power)
        known = np.concatenate(self._lately)
        tenth = len(known) // 10  # np.quantile would load numpy.ma, 4 MB
        least = float(np.partition(known, tenth)[tenth]) + OVER_ROOM_NATS
        is_loud = power > least
        begin = 0
        for end in [*(np.flatnonzero(is_loud[1:] != is_loud[:-1]) + 1).tolist(), len(new)]:
            if is_loud[begin]:
                self._risen.append(new[begin:end])
            elif self._risen:  # it has fallen back to the room: fainter speech, it may be
                risen = np.concatenate(self._risen)
                self._risen.clear()
                if SHORTEST_FRAMES <= len(risen) <= LONGEST_FRAMES:
                    low, high = (np.log(np.exp(risen[:, bins]).mean()) for bins in (LOW_BINS, HIGH_BINS))
                    if low >= high + LOW_NATS:
                        loud = float(np.partition(speech_power(risen), -SHORTEST_FRAMES)[-SHORTEST_FRAMES])
                        self._speech_nats = max(loud, self._speech_nats - FORGET_NATS * len(risen))
            begin = end
        loud = float(np.partition(power, -SHORTEST_FRAMES)[-SHORTEST_FRAMES])
        self._speech_nats = max(self._speech_nats, loud)
        return self.nats
