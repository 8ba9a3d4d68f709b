"""A quiet room: segments in which nobody can be speaking are kept from the encoder, and frames count on.

Between fbank and encoder. What it decides depends on the segments alone, so cuts of the sound change nothing. A segment
leaves two segments late when it is quiet: should sound come after it, it is heard first, with all that came since.
"""

from __future__ import annotations

from collections import deque
from dataclasses import replace

import numpy as np

from kwsd.acoustic.fbank import NUM_BINS
from kwsd.quick_dataclass import dataclass
from kwsd.stream import Float32
from kwsd.units import DB_PER_NAT

MEAN_OF_BINS = np.full(NUM_BINS, 1 / NUM_BINS, np.float32)
SPEECH_BINS = slice(4, 50)  # of 80: some 120 to 2900 Hz, where voices are, whispers too
LOUD_FRAMES = 9  # of 10 ms in a segment that must be loud: a click or a tick of a clock is not
KNOWN_FRAMES = 512  # of 10 ms: 5 s, by which loudness is judged; a room is heard in full until they are known
ABOVE_USUAL_NATS = 1.0  # 4 dB over the loudness that three quarters of the frames stay below
ABOVE_FLOOR_NATS = 4.5  # 20 dB over the quietest tenth: speech has filled the room, and the rest of it may be softer
NEVER_QUIET_NATS = -5.0  # a room of -37 dBFS: words at its own level are found there by the encoder alone
REPLAYED_FRAMES = 64  # 640 ms: soft beginnings
PROOF_FRAMES = 3008  # 30 s, after which one segment is heard all the same


@dataclass(frozen=True, slots=True)
class Segment:
    """The fbank of one call of the encoder."""

    origin_sample: int
    number: int
    """Of the calls since the origin."""
    fbank: Float32
    """(T, 80); each begins with what was look-ahead of the one before."""
    arrived_sample: int
    """Sound that had to come before it could be heard."""
    quiet: bool = False
    """The encoder is spared it."""
    gain_nats: float = 0.0
    """What the encoder hears added to it."""

    @property
    def power(self) -> Float32:
        """(T,), nats: log of the mean mel power, as the sound came."""
        return mean_power(self.fbank)

    @property
    def gain_db(self) -> float:
        """The gain in dB."""
        return round(self.gain_nats * DB_PER_NAT, 1)


@dataclass(frozen=True, slots=True)
class Quiet:
    """How things stand with a gate."""

    now: bool
    """Whether it is quiet, so that the encoder is spared."""
    segments: int
    """All that came."""
    spared: int
    """Those of them that were kept from the encoder."""


class Room:
    """How loud it has been lately, and what stands out from that. The first 5 s all do: what is usual is not known."""

    def __init__(self, known_segments: int) -> None:
        self._known: deque[Float32] = deque(maxlen=known_segments)

    def stands_out(self, fbank: Float32) -> bool:
        """Whether somebody may be speaking in the next segment (T, 80): it is loud for a while, as this room goes."""
        power = speech_power(fbank)
        self._known.append(power)
        if len(self._known) < (self._known.maxlen or 0):
            return True
        known = np.concatenate(self._known)
        tenth, three_quarters = len(known) // 10, len(known) * 3 // 4
        known.partition((tenth, three_quarters))
        least = min(known[three_quarters] + ABOVE_USUAL_NATS, known[tenth] + ABOVE_FLOOR_NATS, NEVER_QUIET_NATS)
        return not np.partition(power, -LOUD_FRAMES)[-LOUD_FRAMES] < least


class QuietGate:
    """The gate of one stream."""

    def __init__(self, hang_over: int, shift_frames: int) -> None:
        """Stay open for `hang_over` segments behind the last loud one: as long as a phrase may pause.

        Each segment brings `shift_frames` fbank frames that are new: 32 or 16.
        """
        self.hang_over = hang_over
        self.known_segments = KNOWN_FRAMES // shift_frames
        """After so many the gate can close."""
        self.proof_segments = PROOF_FRAMES // shift_frames
        """One of so many is heard, however quiet it is."""
        self._replayed_segments = REPLAYED_FRAMES // shift_frames
        self._segments = self._spared = 0
        self.held: deque[Segment] = deque()
        """Those that may be quiet, in order."""
        self._begin()

    @property
    def quiet(self) -> Quiet:
        """How things stand."""
        return Quiet(bool(self.held), self._segments, self._spared)

    def reset(self) -> list[Segment]:
        """What is still held, all of it quiet; the room is unknown from now on."""
        held = [replace(segment, quiet=True) for segment in self.held]
        self._spared += len(held)
        self._begin()
        return held

    def _begin(self) -> None:
        self.held.clear()
        self._room = Room(self.known_segments)
        self._open_for = self._in_a_row = 0

    def push(self, segment: Segment) -> list[Segment]:
        """The next segment → those that may go on, in order, each marked with whether it is quiet."""
        self._segments += 1
        self.held.append(segment)
        self._open_for = self.hang_over + 1 if self._room.stands_out(segment.fbank) else self._open_for - 1
        if self._open_for > 0:
            heard = [replace(held, arrived_sample=segment.arrived_sample) for held in self.held]
            self.held.clear()
            self._in_a_row = 0
            return heard
        if len(self.held) <= self._replayed_segments:
            return []
        self._in_a_row = (self._in_a_row + 1) % self.proof_segments
        spared = self._in_a_row > 0  # else it shows that it could still hear
        self._spared += spared
        return [replace(self.held.popleft(), arrived_sample=segment.arrived_sample, quiet=spared)]


def mean_power(fbank: Float32) -> Float32:
    """(T, 80) → (T,), nats: log of the mean mel power."""
    return np.asarray(np.log(np.exp(fbank) @ MEAN_OF_BINS))  # twice as fast as .mean(axis=1)


def speech_power(fbank: Float32) -> Float32:
    """(T, 80) → (T,), nats: log of the mean mel power where voices are."""
    power: Float32 = np.log(np.exp(fbank[:, SPEECH_BINS]).mean(axis=1))
    return power
