"""Augmentation of waveforms in batches: speed, rooms, noise, level; and SpecAugment on features (arXiv:1904.08779).

Everything runs on the batch's device. All choices come from one seeded generator, so that a resumed run repeats them.
"""

from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)
class AugmentSettings:
    """Probabilities and ranges."""

    lead_s: tuple[float, float] = (0.0, 0.6)
    """silence in front of an utterance, seconds"""
    tail_s: tuple[float, float] = (0.4, 0.9)
    """silence behind an utterance: what a streaming model needs to finish in"""
    speed: float = 0.12
    """largest relative change of speed; pitch and formants follow"""
    room_probability: float = 0.35
    noise_probability: float = 0.6
    noise_db: tuple[float, float] = (3.0, 30.0)
    """signal-to-noise ratio, uniform"""
    gain_db: tuple[float, float] = (-24.0, 6.0)
    hiss_db: tuple[float, float] = (-90.0, -55.0)
    """level of white noise under everything, relative to full scale"""
    time_masks: int = 2
    """few and short: a network of this size does not learn its recordings by heart, and masks only hide them from it"""
    time_mask_frames: int = 25
    frequency_masks: int = 1
    frequency_mask_bins: int = 15

    @classmethod
    def none(cls) -> "AugmentSettings":
        """Leave everything as recorded, apart from silence around it and inaudible hiss."""
        return cls(
            lead_s=(0.3, 0.3),
            tail_s=(0.7, 0.7),
            speed=0.0,
            room_probability=0.0,
            noise_probability=0.0,
            gain_db=(0.0, 0.0),
            hiss_db=(-80.0, -80.0),
            time_masks=0,
            frequency_masks=0,
        )


class Chance:
    """Random numbers that depend on a seed alone.

    Drawn on the host they are the same wherever the batch lives, and what they decide can be asked for. Drawn on the
    device (`asking` false) nothing is ever waited for, so what they decide must be done to all and masked.
    """

    def __init__(self, seed: int, device: torch.device, *, asking: bool = True) -> None:
        self.device, self.asking = device, asking
        self._numbers = torch.Generator("cpu" if asking else device).manual_seed(seed)
        self._noise = torch.Generator(device).manual_seed(seed)

    def uniform(self, low: float, high: float, *shape: int) -> Tensor:
        """Draw from [low, high)."""
        place = self._numbers.device
        return (low + (high - low) * torch.rand(*shape, generator=self._numbers, device=place)).to(self.device)

    def integers(self, high: int, *shape: int) -> Tensor:
        """Draw from 0 to high - 1."""
        return torch.randint(high, shape, generator=self._numbers, device=self._numbers.device).to(self.device)

    def normal(self, shape: torch.Size) -> Tensor:
        """Draw white noise of unit power on the device."""
        return torch.randn(shape, generator=self._noise, device=self.device)


@dataclass(frozen=True)
class Surroundings:
    """What is mixed into speech."""

    noise: Tensor
    """(samples,) int16, all noises end to end; may be empty"""
    rooms: Tensor
    """(R, taps) float32 impulse responses, direct sound at tap 0; may be empty"""


def change_speed(samples: Tensor, factor: float) -> Tensor:
    """Play (N, S) faster by `factor`, by resampling in the frequency domain."""
    block = 160  # a multiple keeps the transform's length free of large primes
    before = -(-samples.shape[1] // block) * block
    after = round(before / factor / block) * block
    padded = torch.nn.functional.pad(samples, (0, before - samples.shape[1]))
    spectrum = torch.fft.rfft(padded)
    bins = min(before, after) // 2 + 1
    out = torch.zeros(samples.shape[0], after // 2 + 1, dtype=spectrum.dtype, device=samples.device)
    out[:, :bins] = spectrum[:, :bins]
    return torch.fft.irfft(out, after) * (after / before)


def add_rooms(samples: Tensor, rooms: Tensor, probability: float, chance: Chance) -> Tensor:
    """Play some of (N, S) in a room, at the level they had."""
    if not len(rooms) or probability == 0.0:
        return samples
    chosen = rooms[chance.integers(len(rooms), len(samples))]
    size = 1 << (samples.shape[1] + rooms.shape[1] - 1).bit_length()
    product = torch.fft.rfft(samples, size) * torch.fft.rfft(chosen, size)
    wet = torch.fft.irfft(product, size)[:, : samples.shape[1]]
    wet = wet * (_rms(samples) / _rms(wet).clamp(min=1e-6))
    inside = chance.uniform(0.0, 1.0, len(samples), 1) < probability
    return torch.where(inside, wet, samples)


def add_noise(samples: Tensor, surroundings: Surroundings, settings: AugmentSettings, chance: Chance) -> Tensor:
    """Mix a random stretch of noise under some of (N, S), at a random signal-to-noise ratio."""
    if not len(surroundings.noise) or settings.noise_probability == 0.0:
        return samples
    total = len(surroundings.noise)
    places = chance.integers(total, len(samples), 1) + torch.arange(samples.shape[1], device=samples.device)
    noise = surroundings.noise[places % total].float() / 32768.0
    ratio = 10.0 ** (-chance.uniform(*settings.noise_db, len(samples), 1) / 20.0)
    gain = ratio * _rms(samples).clamp(min=1e-3) / _rms(noise).clamp(min=1e-5)
    noisy = chance.uniform(0.0, 1.0, len(samples), 1) < settings.noise_probability
    return samples + torch.where(noisy, gain, torch.zeros_like(gain)) * noise


def augment_waveforms(
    samples: Tensor, surroundings: Surroundings, settings: AugmentSettings, chance: Chance
) -> tuple[Tensor, float]:
    """Change speed (one factor for the batch), room, noise and level of (N, S) samples.

    Returns:
        New samples (N, S / factor) in [-1, 1], and the factor.
    """
    factor = 1.0
    if settings.speed:
        factor = 1.0 + float(chance.uniform(-settings.speed, settings.speed, 1))
        samples = change_speed(samples, factor)
    samples = add_rooms(samples, surroundings.rooms, settings.room_probability, chance)
    samples = add_noise(samples, surroundings, settings, chance)
    level = 10.0 ** (chance.uniform(*settings.gain_db, len(samples), 1) / 20.0)
    hiss = 10.0 ** (chance.uniform(*settings.hiss_db, len(samples), 1) / 20.0)
    return (samples * level + chance.normal(samples.shape) * hiss).clamp(-1.0, 1.0), factor


def spec_augment(features: Tensor, settings: AugmentSettings, chance: Chance) -> Tensor:
    """Replace random stretches of time and bands of frequency in (N, F, bins) by the mean of the utterance."""
    batch, frames, bins = features.shape
    hidden = _stripes(batch, frames, settings.time_masks, min(settings.time_mask_frames, frames // 8), chance)
    bands = _stripes(batch, bins, settings.frequency_masks, settings.frequency_mask_bins, chance)
    masked = hidden.unsqueeze(2) | bands.unsqueeze(1)
    return torch.where(masked, features.mean(dim=(1, 2), keepdim=True), features)


def _stripes(batch: int, size: int, count: int, widest: int, chance: Chance) -> Tensor:
    """Draw `count` stripes of up to `widest` per row: (batch, size) bool."""
    widths = chance.uniform(0.0, 1.0, batch, count, 1) * widest
    starts = chance.uniform(0.0, 1.0, batch, count, 1) * (size - widths)
    place = torch.arange(size, device=chance.device)
    return ((place >= starts) & (place < starts + widths)).any(dim=1)


def _rms(samples: Tensor) -> Tensor:
    return samples.square().mean(dim=1, keepdim=True).sqrt()
