"""Rows become batches: laid, augmented, converted, and cut into clips with their targets.

With fixed shapes every batch has the same sizes, filled up with clips of no frames, and everything is laid and drawn on
the device without an answer to wait for, as a CUDA graph needs it. Both ways lay the same rows alike.
"""

import random
from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from functools import lru_cache

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from training.zipformer.data.augment import Chance, Surroundings, change_speed, spec_augment
from training.zipformer.data.batches import impulse_responses
from training.zipformer.data.channel import Channel, through
from training.zipformer.data.fbank import RATE, SHIFT, fbank, frame_count
from training.zipformer.data.pack import Clip, Pack
from training.zipformer.data.rows import Row, played_size, sounding_part
from training.zipformer.data.units import Units
from training.zipformer.model.settings import CONVOLUTION_LOSS, FRAMES_PER_EMBEDDING

FRAME = 4 * SHIFT
"""Samples from one encoder frame to the next, 40 ms."""
LATE = 3
"""Encoder frames by which a clip may be heard late: its lattice ends so far inside the next clip."""
CROWD_S = 1200


@dataclass(frozen=True)
class Cuts:
    """Which frames of a batch of rows belong to which clip."""

    row: Tensor
    """(N,) int64"""
    start: Tensor
    """(N,) int64, encoder frame"""
    frames: Tensor
    """(N,) int64; 0 for a clip that only fills up"""
    longest: int
    """frames that every clip is cut with, at least those of the longest"""

    def of(self, encoded: Tensor) -> Tensor:
        """Cut (R, T, C) into clips (N, longest, C); behind the end of a clip stand frames of others."""
        place = self.start.unsqueeze(1) + torch.arange(self.longest, device=encoded.device)
        return encoded[self.row.unsqueeze(1), place % encoded.shape[1]]


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

    def heard(self) -> float:
        """Count the fbank frames of all rows."""
        return float(self.features.shape[0] * self.features.shape[1])

    def tensors(self) -> list[Tensor]:
        """Give all of it, in one order."""
        cuts = (getattr(self.cuts, field.name) for field in fields(Cuts))
        return [self.features, self.lengths, *(c for c in cuts if isinstance(c, Tensor)), self.targets, self.tokens]


@dataclass(frozen=True)
class FixedShapes:
    """Sizes that every batch is filled up to, and the audio of the pack on the device."""

    clips: int
    tokens: int
    """of the clip with the most"""
    audio: Tensor
    """(samples,) int16"""


@dataclass(frozen=True)
class Placed:
    """Where a stretch of the pack's audio stands in a row, and how loud."""

    place: int
    offset: int
    samples: int
    gain: float
    """from int16 to float"""


class RowBatcher:
    """Turns rows into batches on a device."""

    def __init__(
        self,
        pack: Pack,
        units: Units,
        channel: Channel,
        device: torch.device,
        *,
        bins: int,
        seconds: float,
        fixed: FixedShapes | None = None,
    ) -> None:
        self.channel, self.device, self.bins, self.fixed = channel, device, bins, fixed
        self.size = played_size(seconds)
        self._pack = pack
        trained = [clip for clip in pack.clips if clip.split in {"train", "noise"}]
        self.sounding = {clip: sounding_part(pack.samples(clip)) for clip in trained if clip.split == "train"}
        self.targets = {clip: units.encode(clip.text) for clip in trained}
        self._level = lru_cache(maxsize=None)(self._measured_level)
        noise = self._joined([clip for clip in trained if clip.split == "noise"], 1 << 40)
        spoken = [clip for clip in trained if clip.text]
        crowd = self._joined(random.Random(0).sample(spoken, len(spoken)), CROWD_S * RATE)
        self.surroundings, self.crowd = Surroundings(noise, impulse_responses(pack, device)), crowd

    def batch(self, rows: Sequence[Row], seed: int) -> RowBatch:
        """Lay, augment and convert rows of one size; the same rows and seed give the same batch."""
        fixed = self.fixed
        rows = rows if fixed is None else _at_most(fixed.clips, rows)
        placed = [self.placed(row, random.Random(f"{seed}/{number}")) for number, row in enumerate(rows)]
        laid = self.laid_here(rows, placed) if fixed is None else self.laid_there(rows, placed, fixed)
        chance = Chance(seed, self.device, asking=fixed is None)
        factor = rows[0].size / self.size
        samples = through(change_speed(laid, factor), self.surroundings, self.crowd, self.channel, chance)
        features = spec_augment(fbank(samples, self.bins), self.channel.masks, chance)
        lengths = torch.full((len(rows),), features.shape[1], device=self.device)
        cuts, clips = self._cuts(rows, placed, factor)
        return self._with_targets(features, lengths, cuts, clips)

    def placed(self, row: Row, choose: random.Random) -> list[Placed]:
        """Choose a place and a gain for each clip of a row: all at about one level, with random gaps unless tight."""
        found: list[tuple[int, int, float]] = []
        for clip in row.clips:
            heard = self.sounding.get(clip, slice(0, clip.samples))
            wanted = 0.1 * 10 ** (self.channel.apart_db * choose.uniform(-1.0, 1.0) / 20)
            if not clip.text:
                wanted *= 10 ** (-choose.uniform(0.0, 30.0) / 20)
            start, stop = (heard.start, heard.stop) if row.tight else (0, clip.samples)
            found.append(
                (clip.offset + start, stop - start, min(30.0, wanted / max(self._level(clip), 1e-6)) / 32768.0)
            )
        gaps = _gaps(row.size - sum(samples for _, samples, _ in found), len(found), choose, tight=row.tight)
        placed, place = [], 0
        for gap, (offset, samples, gain) in zip(gaps, found, strict=True):
            placed.append(Placed(place + gap, offset, samples, gain))
            place += gap + samples
        return placed

    def laid_here(self, rows: Sequence[Row], placed: Sequence[Sequence[Placed]]) -> Tensor:
        """Write clips into rows (R, row.size) clip by clip."""
        out = np.zeros((len(rows), rows[0].size), np.float32)
        for row, own in zip(out, placed, strict=True):
            for part in own:
                heard = self._pack.audio[part.offset : part.offset + part.samples]
                row[part.place : part.place + part.samples] = heard.astype(np.float32) * part.gain
        return torch.from_numpy(out).to(self.device)

    def laid_there(self, rows: Sequence[Row], placed: Sequence[Sequence[Placed]], fixed: FixedShapes) -> Tensor:
        """Write clips into rows on the device: each sample looks up the clip it belongs to."""
        size, audio = rows[0].size, fixed.audio
        table = np.zeros((3, fixed.clips), np.int64)
        table[0], gains = len(rows) * size, np.zeros(fixed.clips, np.float32)
        flat = [(number * size, part) for number, own in enumerate(placed) for part in own]
        for column, (start, part) in enumerate(flat):
            table[:, column], gains[column] = (start + part.place, part.offset, part.samples), part.gain
        starts, offsets, sizes = self._moved(table)
        position = torch.arange(len(rows) * size, device=self.device)
        clip = (torch.searchsorted(starts, position, right=True) - 1).clamp(min=0)
        within = position - starts[clip]
        inside = (within >= 0) & (within < sizes[clip])
        heard = audio[(offsets[clip] + within).clamp(min=0, max=len(audio) - 1)].float() * self._moved(gains)[clip]
        return torch.where(inside, heard, 0.0).view(len(rows), size)

    def _cuts(
        self, rows: Sequence[Row], placed: Sequence[Sequence[Placed]], factor: float
    ) -> tuple[list[tuple[int, int, int]], list[Clip]]:
        """Divide the frames of each row among its clips; one that was made too short for its tokens is left out."""
        frames, found, clips = encoder_frames(frame_count(self.size)), [], []
        for number, (row, own) in enumerate(zip(rows, placed, strict=True)):
            later = (round(int(part.place / factor) / FRAME) + LATE for part in own[1:])
            edges = [0, *(min(frames, edge) for edge in later), frames]
            for clip, start, end in zip(row.clips, edges, edges[1:], strict=False):
                if end - start > len(self.targets.get(clip, ())):
                    found.append((number, start, end - start))
                    clips.append(clip)
        return found, clips

    def _with_targets(
        self, features: Tensor, lengths: Tensor, cuts: list[tuple[int, int, int]], clips: list[Clip]
    ) -> RowBatch:
        said = [self.targets.get(clip, []) for clip in clips]
        if self.fixed is not None:
            longest, count, width = encoder_frames(features.shape[1]), self.fixed.clips, self.fixed.tokens
        else:
            longest, count, width = max(end for _, _, end in cuts), len(cuts), max(1, *map(len, said), 1)
        table = np.zeros((3 + 1 + width, count), np.int64)
        table[:3, : len(cuts)] = np.array(cuts, np.int64).T
        for column, own in enumerate(said):
            table[3, column] = len(own)
            table[4 : 4 + len(own), column] = own
        row, start, frames, tokens, *_ = moved = self._moved(table)
        return RowBatch(features, lengths, Cuts(row, start, frames, longest), moved[4:].T.contiguous(), tokens)

    def _moved(self, table: NDArray[np.int64] | NDArray[np.float32]) -> Tensor:
        """Bring numbers to the device without waiting for what it is at."""
        held = torch.from_numpy(table)
        held = held.pin_memory() if self.device.type == "cuda" else held
        return held.to(self.device, non_blocking=True)

    def _measured_level(self, clip: Clip) -> float:
        heard = self._pack.samples(clip)[self.sounding.get(clip, slice(0, clip.samples))]
        return float(np.sqrt(np.mean(np.square(heard.astype(np.float32))))) / 32768.0

    def _joined(self, clips: Sequence[Clip], most: int) -> Tensor:
        """Read clips end to end, up to `most` samples."""
        parts, total = [np.zeros(0, np.int16)], 0
        for clip in clips:
            if total >= most:
                break
            parts.append(self._pack.samples(clip))
            total += clip.samples
        return torch.from_numpy(np.concatenate(parts)).to(self.device)


def encoder_frames(fbank_frames: int) -> int:
    """Encoder frames that come of so many fbank frames."""
    return ((fbank_frames - CONVOLUTION_LOSS) // FRAMES_PER_EMBEDDING + 1) // 2


def _at_most(clips: int, rows: Sequence[Row]) -> list[Row]:
    """Leave out clips of the last rows where there are more than shapes allow."""
    kept, room = [], clips
    for row in rows:
        kept.append(replace(row, clips=row.clips[:room]))
        room -= len(kept[-1].clips)
    return kept


def _gaps(slack: int, count: int, choose: random.Random, *, tight: bool) -> list[int]:
    """Silence before each clip; what is left of the slack stands behind the last one."""
    if tight:
        return [int(choose.uniform(0.0, 1.0) * min(slack, RATE // 4)), *[0] * (count - 1)][:count]
    shares = [choose.expovariate(1.0) for _ in range(count + 1)]
    return [int(slack * share / sum(shares)) for share in shares[:-1]]
