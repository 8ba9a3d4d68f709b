"""Rows of one length filled with clips back to back: nothing padded, and speech that goes on without a breath.

A row is one stream to the encoder; each clip in it has a lattice of its own, over the frames from where it begins to
where the next one does. In tight rows silence around the clips is cut away and nothing stands between them. A row that
is to be played faster is laid longer, so that all have one length in the end.
"""

import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from kwsd.timebase import FBANK_SHIFT_SAMPLES
from training.zipformer.data.fbank import RATE
from training.zipformer.data.pack import Clip

TIGHT_SHARE = 1 / 3
GAP_S = 0.4
"""Mean silence that a row which is not tight keeps free for each clip."""
OPEN_ROWS = 12
"""Rows filled at the same time; more of them are filled better and mix lengths less."""
SPEEDS = 30
"""Steps from standing still to the usual speed: rows come in few lengths, which Fourier transforms like."""
UNIT = FBANK_SHIFT_SAMPLES * SPEEDS
"""A row is a multiple of so many samples, 0.3 s, when it is played."""
QUIET_DB = 35.0
"""Below its peak, where a clip counts as silent; 60 ms around what is louder are kept."""
MARGIN_BLOCKS = 6
BLOCK = FBANK_SHIFT_SAMPLES


@dataclass(frozen=True)
class Row:
    """Clips that are heard one after the other."""

    clips: tuple[Clip, ...]
    tight: bool
    size: int
    """samples that it is laid in, which speed brings to the length of all"""


@dataclass
class _OpenRow:
    tight: bool
    size: int
    free: int
    clips: list[Clip] = field(default_factory=list)


def played_size(seconds: float) -> int:
    """Samples of a row of about so many seconds when it is played."""
    return max(1, round(seconds * RATE / UNIT)) * UNIT


def fill_rows(
    clips: Sequence[Clip], sounding: Mapping[Clip, slice], seconds: float, seed: int, *, fastest: float = 1.0
) -> Iterator[Row]:
    """Fill rows of so many seconds with clips in random order; each clip comes once, where it fits into a row.

    Args:
        clips: to be laid.
        sounding: which samples of a clip are more than silence.
        seconds: length of a row when it is played.
        seed: of the order, of which rows are tight, and of speeds.
        fastest: the speed of each row lies between this and its inverse, near one more often than far away.
    """
    choose, size = random.Random(seed), played_size(seconds)
    held: list[_OpenRow] = []
    for clip in choose.sample(clips, len(clips)):
        fitting = [row for row in held if _needed(clip, sounding, tight=row.tight) <= row.free]
        if not fitting:
            if len(held) == OPEN_ROWS:
                fullest = min(held, key=lambda row: row.free)
                held.remove(fullest)
                if fullest.clips:
                    yield Row(tuple(fullest.clips), fullest.tight, fullest.size)
            speed = fastest ** (choose.uniform(-0.5, 0.5) + choose.uniform(-0.5, 0.5))
            laid = round(SPEEDS * speed) * (size // SPEEDS)
            held.append(_OpenRow(choose.random() < TIGHT_SHARE, laid, laid))
            fitting = held[-1:]
        row = fitting[0]
        needed = _needed(clip, sounding, tight=row.tight)
        if needed <= row.free:
            row.clips.append(clip)
            row.free -= needed
    yield from (Row(tuple(row.clips), row.tight, row.size) for row in held if row.clips)


def _needed(clip: Clip, sounding: Mapping[Clip, slice], *, tight: bool) -> int:
    heard = sounding.get(clip, slice(0, clip.samples))
    return int(heard.stop - heard.start) if tight else clip.samples + int(GAP_S * RATE)


def plan_rows(rows: Sequence[Row], count: int, seed: int) -> list[list[Row]]:
    """Divide rows into batches of `count` of one speed, in random order; what is left over is not heard then."""
    choose, batches = random.Random(seed), list[list[Row]]()
    for size in sorted({row.size for row in rows}):
        alike = [row for row in rows if row.size == size]
        shuffled = choose.sample(alike, len(alike))
        batches += [shuffled[start : start + count] for start in range(0, len(alike) - count + 1, count)]
    choose.shuffle(batches)
    return batches


def sounding_part(samples: NDArray[np.int16]) -> slice:
    """Find where a clip is more than silence."""
    blocks = len(samples) // BLOCK
    if not blocks:
        return slice(0, len(samples))
    power = np.square(samples[: blocks * BLOCK].reshape(blocks, BLOCK).astype(np.float32)).mean(axis=1)
    loud = np.flatnonzero(power > power.max() * 10 ** (-QUIET_DB / 10))
    if not len(loud):
        return slice(0, len(samples))
    return slice(
        max(0, int(loud[0]) - MARGIN_BLOCKS) * BLOCK, min(len(samples), (int(loud[-1]) + 1 + MARGIN_BLOCKS) * BLOCK)
    )
