"""What lies between a mouth and the model, for packed rows: speed, room, noise and voices, level, telephone, clipping.

Everything is drawn per row (speed per batch) from one seeded generator.
"""

from dataclasses import dataclass, field

import torch
from torch import Tensor

from kwsd.timebase import SAMPLE_RATE
from training.zipformer.data.augment import AugmentSettings, Chance, Surroundings, add_rooms

RATE = SAMPLE_RATE
MU = 255.0
VOICES = 4
"""Random stretches of speech that make babble."""


@dataclass(frozen=True)
class Channel:
    """Probabilities and ranges; levels are root mean squares relative to full scale."""

    fastest: float = 1.25
    """Speed lies between this and its inverse, near one more often than far away."""
    apart_db: float = 5.0
    """Most by which the clips of a row differ from their common level."""
    room: float = 0.35
    noise: float = 0.6
    babble: float = 0.2
    """Share of the noise that is voices."""
    noise_db: tuple[float, float] = (-5.0, 28.0)
    usual_db: tuple[float, float] = (-34.0, -14.0)
    faint: float = 0.15
    faint_db: tuple[float, float] = (-64.0, -34.0)
    driven: float = 0.12
    driven_db: tuple[float, float] = (-14.0, -2.0)
    """So loud that it is clipped."""
    telephone: float = 0.12
    narrow: float = 0.08
    """Recorded at 8 kHz."""
    hiss_db: tuple[float, float] = (-75.0, -30.0)
    """White noise relative to the row."""
    masks: AugmentSettings = field(default_factory=lambda: AugmentSettings(time_masks=4))


def through(samples: Tensor, surroundings: Surroundings, crowd: Tensor, channel: Channel, chance: Chance) -> Tensor:
    """Send rows (R, S) through rooms, noise and channels; gives them as 16-bit recordings in [-1, 1]."""
    samples = add_rooms(samples, surroundings.rooms, channel.room, chance)
    samples = _noisy(samples, surroundings.noise, crowd, channel, chance)
    samples = samples * (10.0 ** (_levels(len(samples), channel, chance) / 20.0) / _rms(samples).clamp(min=1e-6))
    hiss = 10.0 ** (chance.uniform(*channel.hiss_db, len(samples), 1) / 20.0) * _rms(samples)
    samples = _narrowed(samples.clamp(-1.0, 1.0), channel, chance)
    samples = samples + chance.normal(samples.shape) * hiss
    return (samples.clamp(-1.0, 1.0) * 32767.0).round() / 32768.0


def telephone(samples: Tensor, low_hz: float | Tensor, high_hz: float | Tensor) -> Tensor:
    """Pass rows through a telephone: a band (Butterworth of 4th order, without its phase), 8 kHz, mu-law in 8 bits."""
    spectrum = torch.fft.rfft(samples)
    hz = torch.linspace(0.0, RATE / 2, spectrum.shape[1], device=samples.device)
    gain = (1 + (low_hz / hz.clamp(min=1.0)) ** 8).rsqrt() * (1 + (hz / high_hz) ** 8).rsqrt()
    slow = torch.fft.irfft((spectrum * gain)[:, : samples.shape[1] // 4 + 1], samples.shape[1] // 2) / 2
    packed = slow.sign() * torch.log1p(MU * slow.abs().clamp(max=1.0)) / torch.log1p(torch.tensor(MU))
    packed = (packed * 127).round() / 127
    return _to_16k(packed.sign() * ((1 + MU) ** packed.abs() - 1) / MU, samples.shape[1])


def narrow_band(samples: Tensor) -> Tensor:
    """Record rows at 8 kHz."""
    spectrum = torch.fft.rfft(samples)[:, : samples.shape[1] // 4 + 1]
    return _to_16k(torch.fft.irfft(spectrum, samples.shape[1] // 2) / 2, samples.shape[1])


def _to_16k(slow: Tensor, size: int) -> Tensor:
    return torch.fft.irfft(torch.fft.rfft(slow), size) * 2


def _narrowed(samples: Tensor, channel: Channel, chance: Chance) -> Tensor:
    draw = chance.uniform(0.0, 1.0, len(samples))
    low, high = chance.uniform(200.0, 400.0, 1), chance.uniform(3000.0, 3700.0, 1)
    by_telephone = draw < channel.telephone
    by_narrow = (draw >= channel.telephone) & (draw < channel.telephone + channel.narrow)
    if not chance.asking:
        samples = torch.where(by_telephone.unsqueeze(1), telephone(samples, low, high), samples)
        return torch.where(by_narrow.unsqueeze(1), narrow_band(samples), samples)
    samples = samples.clone()
    if by_telephone.any():
        samples[by_telephone] = telephone(samples[by_telephone], low, high)
    if by_narrow.any():
        samples[by_narrow] = narrow_band(samples[by_narrow])
    return samples


def _levels(rows: int, channel: Channel, chance: Chance) -> Tensor:
    draw = chance.uniform(0.0, 1.0, rows, 1)
    usual, faint, driven = (
        chance.uniform(*between, rows, 1) for between in (channel.usual_db, channel.faint_db, channel.driven_db)
    )
    return torch.where(draw < channel.faint, faint, torch.where(draw < channel.faint + channel.driven, driven, usual))


def _noisy(samples: Tensor, noise: Tensor, crowd: Tensor, channel: Channel, chance: Chance) -> Tensor:
    rows, size = samples.shape
    if not len(noise) or channel.noise == 0.0:
        return samples
    ratio = 10.0 ** (-chance.uniform(*channel.noise_db, rows, 1) / 20.0)
    draw = chance.uniform(0.0, 1.0, rows)
    places = chance.integers(1 << 40, rows, VOICES)
    voices, noisy = draw < channel.noise * channel.babble * bool(len(crowd)), draw < channel.noise
    if chance.asking:
        added = torch.zeros_like(samples)
        for row in range(rows):
            if voices[row]:
                added[row] = torch.stack([_stretch(crowd, int(place), size) for place in places[row]]).sum(dim=0)
            elif noisy[row]:
                added[row] = _stretch(noise, int(places[row, 0]), size)
    else:
        added = torch.where(noisy.unsqueeze(1), _stretches(noise, places[:, :1], size), 0.0)
        if len(crowd):
            added = torch.where(voices.unsqueeze(1), _stretches(crowd, places, size), added)
    return samples + ratio * _rms(samples) * added / _rms(added).clamp(min=1e-5)


def _stretch(sound: Tensor, place: int, size: int) -> Tensor:
    """So many samples from anywhere, from the beginning again behind the end."""
    start = place % len(sound)
    part = sound[start : start + size]
    while len(part) < size:
        part = torch.cat([part, sound[: size - len(part)]])
    return part.float() / 32768.0


def _stretches(sound: Tensor, places: Tensor, size: int) -> Tensor:
    """The same for places (R, V), added up over V: (R, size)."""
    steps = torch.arange(size, device=sound.device)
    added = torch.zeros(len(places), size, device=sound.device)
    for place in places.T:
        added += sound[(place.unsqueeze(1) + steps) % len(sound)].float() / 32768.0
    return added


def _rms(samples: Tensor) -> Tensor:
    return samples.square().mean(dim=1, keepdim=True).sqrt()
