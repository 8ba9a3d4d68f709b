"""Rows of one length filled with clips back to back: nothing padded, and speech that goes on without a breath.

A row is one stream to the encoder; each clip in it has a lattice of its own, over the frames from where it begins to
where the next one does. In tight rows silence around the clips is cut away and nothing stands between them.
"""

import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from kwsd.timebase import FBANK_SHIFT_SAMPLES
from training.zipformer.data.augment import Chance, Surroundings, change_speed, spec_augment
from training.zipformer.data.batches import impulse_responses
from training.zipformer.data.channel import Channel, through
from training.zipformer.data.fbank import RATE, SHIFT, fbank
from training.zipformer.data.pack import Clip, Pack
from training.zipformer.data.units import Units
from training.zipformer.model.settings import CONVOLUTION_LOSS, FRAMES_PER_EMBEDDING

TIGHT_SHARE = 1 / 3
GAP_S = 0.4
"""Mean silence that a row which is not tight keeps free for each clip."""
OPEN_ROWS = 12
"""Rows filled at the same time; more of them are filled better and mix lengths less."""
FRAME = 4 * SHIFT
"""Samples from one encoder frame to the next, 40 ms."""
LATE = 3
"""Encoder frames by which a clip may be heard late: its lattice ends so far inside the next clip."""
QUIET_DB = 35.0
"""Below its peak, where a clip counts as silent; 60 ms around what is louder are kept."""
MARGIN_BLOCKS = 6
BLOCK = FBANK_SHIFT_SAMPLES
CROWD_S = 1200


@dataclass(frozen=True)
class Row:
    """Clips that are heard one after the other."""

    clips: tuple[Clip, ...]
    tight: bool


@dataclass(frozen=True)
class Cuts:
    """Which frames of a batch of rows belong to which clip."""

    row: Tensor
    """(N,) int64"""
    start: Tensor
    """(N,) int64, encoder frame"""
    frames: Tensor
    """(N,) int64"""

    def of(self, encoded: Tensor) -> Tensor:
        """Cut (R, T, C) into clips (N, longest, C); behind the end of a clip stand frames of others."""
        place = self.start.unsqueeze(1) + torch.arange(int(self.frames.max()), device=encoded.device)
        return encoded[self.row.unsqueeze(1), place.clamp(max=encoded.shape[1] - 1)]


@dataclass(frozen=True)
class RowBatch:
    """What one step trains on: rows of one length, and the clips in them."""

    features: Tensor
    """(R, F, bins) float32"""
    lengths: Tensor
    """(R,) int64, fbank frames: all of them"""
    cuts: Cuts
    targets: Tensor
    """(N, U) int64, 0 behind each end"""
    tokens: Tensor
    """(N,) int64"""


@dataclass
class _OpenRow:
    tight: bool
    free: int
    clips: list[Clip] = field(default_factory=list)


def fill_rows(clips: Sequence[Clip], sounding: Mapping[Clip, slice], seconds: float, seed: int) -> Iterator[Row]:
    """Fill rows of so many seconds with clips in random order; each clip comes once, where it fits into a row.

    Args:
        clips: to be laid.
        sounding: which samples of a clip are more than silence.
        seconds: length of a row.
        seed: of the order, and of which rows are tight.
    """
    choose, size = random.Random(seed), int(seconds * RATE)
    held: list[_OpenRow] = []
    for clip in choose.sample(clips, len(clips)):
        fitting = [row for row in held if _needed(clip, sounding, tight=row.tight) <= row.free]
        if not fitting:
            if len(held) == OPEN_ROWS:
                fullest = min(held, key=lambda row: row.free)
                held.remove(fullest)
                if fullest.clips:
                    yield Row(tuple(fullest.clips), fullest.tight)
            held.append(_OpenRow(choose.random() < TIGHT_SHARE, size))
            fitting = held[-1:]
        row = fitting[0]
        needed = _needed(clip, sounding, tight=row.tight)
        if needed <= row.free:
            row.clips.append(clip)
            row.free -= needed
    yield from (Row(tuple(row.clips), row.tight) for row in held if row.clips)


def _needed(clip: Clip, sounding: Mapping[Clip, slice], *, tight: bool) -> int:
    heard = sounding.get(clip, slice(0, clip.samples))
    return int(heard.stop - heard.start) if tight else clip.samples + int(GAP_S * RATE)


def plan_rows(rows: Sequence[Row], count: int, seed: int) -> list[list[Row]]:
    """Divide rows into batches of `count`, in random order; what is left over is not heard in this epoch."""
    shuffled = random.Random(seed).sample(rows, len(rows))
    return [shuffled[start : start + count] for start in range(0, len(rows) - count + 1, count)]


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


class RowBatcher:
    """Turns rows into batches on a device."""

    def __init__(
        self, pack: Pack, units: Units, channel: Channel, device: torch.device, *, bins: int, seconds: float
    ) -> None:
        self.channel, self.device, self.bins, self.size = channel, device, bins, int(seconds * RATE)
        self._pack = pack
        trained = [clip for clip in pack.clips if clip.split in {"train", "noise"}]
        self.sounding = {clip: sounding_part(pack.samples(clip)) for clip in trained if clip.split == "train"}
        self._targets = {clip: units.encode(clip.text) for clip in trained}
        noise = self._joined([clip for clip in trained if clip.split == "noise"], 1 << 40)
        spoken = [clip for clip in trained if clip.text]
        crowd = self._joined(random.Random(0).sample(spoken, len(spoken)), CROWD_S * RATE)
        self._surroundings, self._crowd = Surroundings(noise, impulse_responses(pack, device)), crowd

    def batch(self, rows: Sequence[Row], seed: int) -> RowBatch:
        """Lay, augment and convert rows; the same rows and seed give the same batch."""
        chance = Chance(seed, self.device)
        laid, places = zip(*(self._lay(row, random.Random(f"{seed}/{i}")) for i, row in enumerate(rows)), strict=True)
        factor = self.channel.speed(chance)
        samples = change_speed(torch.from_numpy(np.stack(laid)).to(self.device), factor)
        samples = through(samples, self._surroundings, self._crowd, self.channel, chance)
        features = spec_augment(fbank(samples, self.bins), self.channel.masks, chance)
        lengths = torch.full((len(rows),), features.shape[1], device=self.device)
        cuts, clips = _cuts(
            [[int(place / factor) for place in own] for own in places], rows, encoder_frames(features), self._targets
        )
        targets, tokens = self._pad([self._targets.get(clip, []) for clip in clips])
        return RowBatch(features, lengths, Cuts(*(part.to(self.device) for part in cuts)), targets, tokens)

    def _lay(self, row: Row, choose: random.Random) -> tuple[NDArray[np.float32], list[int]]:
        """Write the clips of a row into one buffer; gives it and the first sample of each clip."""
        out, places = np.zeros(self.size, np.float32), []
        parts = [self._part(clip, tight=row.tight, choose=choose) for clip in row.clips]
        slack = self.size - sum(map(len, parts))
        gaps = _gaps(slack, len(parts), choose, tight=row.tight)
        place = 0
        for gap, part in zip(gaps, parts, strict=True):
            place += gap
            out[place : place + len(part)] = part
            places.append(place)
            place += len(part)
        return out, places

    def _part(self, clip: Clip, *, tight: bool, choose: random.Random) -> NDArray[np.float32]:
        """Read a clip at about the level of all others."""
        samples = self._pack.samples(clip)
        heard = self.sounding.get(clip, slice(0, clip.samples))
        level = float(np.sqrt(np.mean(np.square(samples[heard].astype(np.float32))))) / 32768.0
        wanted = 0.1 * 10 ** (self.channel.apart_db * choose.uniform(-1.0, 1.0) / 20)
        if not clip.text:
            wanted *= 10 ** (-choose.uniform(0.0, 30.0) / 20)
        return (samples[heard] if tight else samples).astype(np.float32) * (
            min(30.0, wanted / max(level, 1e-6)) / 32768.0
        )

    def _pad(self, targets: Sequence[Sequence[int]]) -> tuple[Tensor, Tensor]:
        width = max(1, *map(len, targets), 1)
        rows = torch.tensor([[*own, *[0] * (width - len(own))] for own in targets])
        return rows.to(self.device), torch.tensor([len(own) for own in targets]).to(self.device)

    def _joined(self, clips: Sequence[Clip], most: int) -> Tensor:
        """Read clips end to end, up to `most` samples."""
        parts, total = [np.zeros(0, np.int16)], 0
        for clip in clips:
            if total >= most:
                break
            parts.append(self._pack.samples(clip))
            total += clip.samples
        return torch.from_numpy(np.concatenate(parts)).to(self.device)


def encoder_frames(features: Tensor) -> int:
    """Encoder frames that come of fbank features (R, F, bins)."""
    inner = (int(features.shape[1]) - CONVOLUTION_LOSS) // FRAMES_PER_EMBEDDING
    return (inner + 1) // 2


def _gaps(slack: int, count: int, choose: random.Random, *, tight: bool) -> list[int]:
    """Silence before each clip; what is left of the slack stands behind the last one."""
    if tight:
        return [int(choose.uniform(0.0, 1.0) * min(slack, RATE // 4)), *[0] * (count - 1)]
    shares = [choose.expovariate(1.0) for _ in range(count + 1)]
    return [int(slack * share / sum(shares)) for share in shares[:-1]]


def _cuts(
    places: Sequence[Sequence[int]], rows: Sequence[Row], frames: int, targets: Mapping[Clip, Sequence[int]]
) -> tuple[tuple[Tensor, Tensor, Tensor], list[Clip]]:
    """Divide the frames of each row among its clips; a clip that was made too short for its tokens is left out."""
    found, clips = [], []
    for number, (own, row) in enumerate(zip(places, rows, strict=True)):
        edges = [0, *(min(frames, round(place / FRAME) + LATE) for place in own[1:]), frames]
        for clip, start, end in zip(row.clips, edges, edges[1:], strict=False):
            if end - start > len(targets.get(clip, ())):
                found.append((number, start, end - start))
                clips.append(clip)
    row, start, length = torch.tensor(found).T
    return (row, start, length), clips
