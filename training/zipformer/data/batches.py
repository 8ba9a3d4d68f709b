"""Batches of utterances: which clips go together, and how they become features and targets on the training device."""

import copy
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

from training.zipformer.data.augment import (
    AugmentSettings,
    Chance,
    Surroundings,
    augment_waveforms,
    spec_augment,
)
from training.zipformer.data.fbank import RATE, SHIFT, fbank
from training.zipformer.data.pack import Clip, Pack
from training.zipformer.data.units import Units

POOL = 2000
"""Clips sorted by length together; larger is less padding and less random."""
SILENCE_S = 1.5
"""Most silence around an utterance."""
ROOM_TAPS = 8000


@dataclass(frozen=True)
class Batch:
    """What one step trains on."""

    features: Tensor
    """(N, F, bins) float32"""
    lengths: Tensor
    """(N,) int64, fbank frames"""
    targets: Tensor
    """(N, U) int64, 0 behind each end"""
    tokens: Tensor
    """(N,) int64"""

    def heard(self) -> float:
        """Count the fbank frames of all utterances."""
        return float(self.lengths.sum())


def plan_epoch(clips: Sequence[Clip], seconds: float, seed: int, together: int = 1) -> list[list[Clip]]:
    """Divide clips into batches of at most `seconds` with padding, in an order that depends on the seed alone.

    Of `together` batches that are trained on at once the clips are about equally long, so that no worker waits.
    """
    choose = random.Random(seed)
    shuffled = choose.sample(clips, len(clips))
    batches: list[list[Clip]] = []
    for start in range(0, len(shuffled), POOL):
        batches.extend(_fill(sorted(shuffled[start : start + POOL], key=lambda c: c.samples), seconds))
    rounds = [batches[start : start + together] for start in range(0, len(batches), together)]
    choose.shuffle(rounds)
    return [batch for one in rounds if len(one) == together for batch in one]


def _fill(clips: Sequence[Clip], seconds: float) -> Iterator[list[Clip]]:
    batch: list[Clip] = []
    for clip in clips:
        if batch and (len(batch) + 1) * (clip.seconds + SILENCE_S) > seconds:
            yield batch
            batch = []
        batch.append(clip)
    if batch:
        yield batch


def feasible(clip: Clip, tokens: int, longest_s: float) -> bool:
    """Say whether a clip is short enough to train on and long enough for its tokens, even when played fast."""
    return clip.seconds <= longest_s and tokens < 25 * clip.seconds / 1.2


def stretches(clips: Sequence[Clip], seconds: float) -> list[Clip]:
    """Cut clips into pieces of random lengths up to `seconds`, so that they fall into batches of every length."""
    choose, pieces = random.Random(0), []
    for clip in clips:
        start = 0
        while start < clip.samples:
            size = min(int(choose.uniform(1.0, seconds) * RATE), clip.samples - start)
            pieces.append(replace(clip, offset=clip.offset + start, samples=size))
            start += size
    return pieces


class Batcher:
    """Turns clips into batches on a device; all audio is held there when it fits."""

    def __init__(self, pack: Pack, units: Units, settings: AugmentSettings, device: torch.device, bins: int) -> None:
        self.units, self.settings, self.device, self.bins = units, settings, device, bins
        self.audio = torch.from_numpy(np.asarray(pack.audio) if device.type == "cpu" else np.array(pack.audio))
        self.audio = self.audio.to(device)
        self._targets = {clip: units.encode(clip.text) for clip in pack.clips if clip.text}
        self._surroundings = Surroundings(self._join(pack.of("noise")), impulse_responses(pack, device))

    def without_augmentation(self) -> "Batcher":
        """Give a batcher over the same audio that leaves it as recorded."""
        plain = copy.copy(self)
        plain.settings = AugmentSettings.none()
        return plain

    def targets(self, clip: Clip) -> list[int]:
        """Give the unit ids of a clip; none where nothing is said."""
        return self._targets.get(clip, [])

    def batch(self, clips: Sequence[Clip], seed: int) -> Batch:
        """Load, augment and convert; the same clips and seed give the same batch."""
        chance = Chance(seed, self.device)
        samples, ends = self._load(clips, chance)
        samples, factor = augment_waveforms(samples, self._surroundings, self.settings, chance)
        features = fbank(samples, self.bins)
        lengths = (ends / factor / SHIFT).long().clamp(max=features.shape[1])
        features = spec_augment(features, self.settings, chance)
        targets, tokens = self._pad([self.targets(clip) for clip in clips])
        return Batch(features, lengths, targets, tokens)

    def _load(self, clips: Sequence[Clip], chance: Chance) -> tuple[Tensor, Tensor]:
        """Lay clips with silence around them into (N, S) float32; gives it and the end of each, in samples."""
        leads = (chance.uniform(*self.settings.lead_s, len(clips)) * RATE).long()
        tails = (chance.uniform(*self.settings.tail_s, len(clips)) * RATE).long()
        offsets = torch.tensor([clip.offset for clip in clips], device=self.device)
        sizes = torch.tensor([clip.samples for clip in clips], device=self.device)
        place = torch.arange(int((leads + sizes + tails).max()), device=self.device) - leads.unsqueeze(1)
        inside = (place >= 0) & (place < sizes.unsqueeze(1))
        index = offsets.unsqueeze(1) + place.clamp(min=0).minimum(sizes.unsqueeze(1) - 1)
        samples = self.audio[index].float() / 32768.0
        return samples * inside, leads + sizes + tails

    def _pad(self, targets: list[list[int]]) -> tuple[Tensor, Tensor]:
        width = max(1, *(len(t) for t in targets), 1)
        rows = torch.tensor([t + [0] * (width - len(t)) for t in targets])
        return rows.to(self.device), torch.tensor([len(t) for t in targets]).to(self.device)

    def _join(self, clips: Sequence[Clip]) -> Tensor:
        parts = [self.audio[c.offset : c.offset + c.samples] for c in clips]
        return torch.cat(parts) if parts else torch.zeros(0, dtype=torch.int16, device=self.device)


def impulse_responses(pack: Pack, device: torch.device) -> Tensor:
    """Give the rooms of a pack from their direct sound on: (R, ROOM_TAPS) float32."""
    clips = pack.of("room")
    rooms = torch.zeros(len(clips), ROOM_TAPS)
    for row, clip in zip(rooms, clips, strict=True):
        taps = torch.from_numpy(pack.samples(clip).astype(np.float32) / 32768.0)
        taps = taps[int(taps.abs().argmax()) :][:ROOM_TAPS]
        row[: len(taps)] = taps
    return rooms.to(device)
