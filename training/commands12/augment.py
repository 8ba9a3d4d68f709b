"""Augmentation of whole batches of pictures, on any device: gain, room, shift, noise, coding noise, SpecAugment.

Sound adds as power, so pictures are brought to band powers, changed there, and brought back. All randomness comes
from one generator per step, so a resumed run sees what an unbroken run would have seen.
"""

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from kwsd.commands12.frontend import BANDS, CLIP_FRAMES, PIXEL_OFFSET, PIXEL_SLOPE, POWER_FLOOR
from measure.commands import LABELS, SILENCE, UNKNOWN
from training.commands12.bank import Bank

HISTORY_PROBABILITY = 0.3  # per batch
HISTORY_FRAMES = (30, 120)


@dataclass(frozen=True)
class AugmentSettings:
    """How often and how much. Probabilities are per picture."""

    shift_frames: int = 12  # ±120 ms: half the hop between two windows, and what clips differ by
    gain_db: float = 6.0  # standard deviation
    silence_gain_db: tuple[float, float] = (-40.0, 20.0)
    noise_probability: float = 0.6
    snr_db: tuple[float, float] = (-15.0, 20.0)  # the middle more often: at the ends there is little to learn
    babble_part: float = 0.45  # of the noise
    talkers: tuple[int, int] = (5, 9)
    room_probability: float = 0.15
    coding_probability: tuple[float, float] = (0.25, 0.75)  # pictures of the sheets, pictures of live sound
    coding_levels: float = 5.5  # largest standard deviation of the coding noise, grey levels
    mask_frames: int = 12
    mask_bands: int = 5


def to_power(grey: Tensor) -> Tensor:
    """Grey values → band powers."""
    return (torch.exp((grey - PIXEL_OFFSET) / PIXEL_SLOPE) - POWER_FLOOR).clamp_min(0.0)


def to_pixels(power: Tensor) -> Tensor:
    """Band powers → grey values."""
    return (PIXEL_SLOPE * torch.log(power + POWER_FLOOR) + PIXEL_OFFSET).clamp(0.0, 255.0)


class Augmenter:
    """Rows of the bank → a batch as a live microphone might give it."""

    def __init__(self, bank: Bank, settings: AugmentSettings, device: torch.device) -> None:
        self._settings, self._device = settings, device
        self._pictures = torch.from_numpy(bank.pictures).to(device)
        self._labels = torch.from_numpy(bank.labels).to(device)
        self._coded = torch.from_numpy(bank.coded).to(device)
        self._noise = torch.from_numpy(bank.noise).to(device)
        self._rooms = torch.from_numpy(bank.rooms).to(device)
        self._speech = torch.nonzero((self._labels == LABELS.index(UNKNOWN)) & ~self._coded).flatten()

    def batch(self, rows: Tensor, generator: torch.Generator, masked: bool) -> tuple[Tensor, Tensor]:
        """Rows (b,) → pictures float (b, 98, 40) and class numbers (b,); `masked`: with SpecAugment."""
        rows = rows.to(self._device)
        labels = self._labels[rows]
        power = to_power(self._pictures[rows].float()) * self._gain(labels, generator)
        power = self._reverberated(power, generator)
        power = shifted(power, self._whole(power, -self._settings.shift_frames, self._settings.shift_frames, generator))
        grey = to_pixels(power + self._noise_for(power, labels, generator))
        grey = self._coded_again(grey, self._coded[rows], generator)
        return (self._masked(grey, generator) if masked else grey), labels

    def in_babble(self, grey: Tensor, snr_db: float, generator: torch.Generator) -> Tensor:
        """Pictures (b, 98, 40) among five to nine talkers of the training speech, all at one ratio."""
        power = to_power(grey)
        babble = self._babble(len(grey), generator)
        level = speech_level(power) / babble.mean(dim=(1, 2), keepdim=True).clamp_min(1.0)
        return to_pixels(power + babble * level * 10.0 ** (-snr_db / 10.0))

    def _uniform(self, size: int, low: float, high: float, generator: torch.Generator) -> Tensor:
        return (torch.rand(size, generator=generator) * (high - low) + low).to(self._device)

    def _whole(self, like: Tensor, low: int, high: int, generator: torch.Generator) -> Tensor:
        return torch.randint(low, high + 1, (len(like),), generator=generator).to(self._device)

    def _chosen(self, size: int, probability: float, generator: torch.Generator) -> Tensor:
        return (torch.rand(size, generator=generator) < probability).to(self._device)

    def _gain(self, labels: Tensor, generator: torch.Generator) -> Tensor:
        size = len(labels)
        speech = torch.randn(size, generator=generator).to(self._device) * self._settings.gain_db
        silence = self._uniform(size, *self._settings.silence_gain_db, generator)
        decibels = torch.where(labels == LABELS.index(SILENCE), silence, speech)
        return (10.0 ** (decibels / 10.0)).view(-1, 1, 1)

    def _reverberated(self, power: Tensor, generator: torch.Generator) -> Tensor:
        """Smear some pictures along time by the energy decay of a room."""
        size = len(power)
        rooms = self._rooms[torch.randint(len(self._rooms), (size,), generator=generator).to(self._device)]
        chosen = torch.nonzero(self._chosen(size, self._settings.room_probability, generator)).flatten()
        power = power.clone()
        for row in chosen.tolist():
            kernel = rooms[row].flip(0).view(1, 1, -1)
            padded = functional.pad(power[row].T.unsqueeze(1), (kernel.shape[-1] - 1, 0))
            power[row] = functional.conv1d(padded, kernel).squeeze(1).T
        return power

    def _noise_for(self, power: Tensor, labels: Tensor, generator: torch.Generator) -> Tensor:
        """Noise to add, shape of `power`, at a random signal-to-noise ratio over the sounding frames."""
        size = len(power)
        picked = torch.randint(len(self._noise), (size,), generator=generator).to(self._device)
        noise = to_power(self._noise[picked].float())
        is_babble = self._chosen(size, self._settings.babble_part, generator)
        noise[is_babble] = self._babble(int(is_babble.sum()), generator)
        low, high = self._settings.snr_db
        snr = (low + (high - low) * torch.rand(2, size, generator=generator).mean(dim=0)).view(-1, 1, 1)
        chosen = self._chosen(size, self._settings.noise_probability, generator) & (labels != LABELS.index(SILENCE))
        level = speech_level(power) / noise.mean(dim=(1, 2), keepdim=True).clamp_min(1.0)
        return noise * level * 10.0 ** (-snr.to(self._device) / 10.0) * chosen.view(-1, 1, 1)

    def _babble(self, size: int, generator: torch.Generator) -> Tensor:
        """So many seconds of several people talking, each at one level: band powers (size, 98, 40)."""
        low, high = self._settings.talkers
        picked = torch.randint(len(self._speech), (size, high), generator=generator).to(self._device)
        talking = torch.arange(high, device=self._device) < self._whole(picked, low, high, generator).unsqueeze(1)
        voices = to_power(self._pictures[self._speech[picked]].float())
        levels = talking / voices.mean(dim=(2, 3)).clamp_min(1.0)
        return (voices * levels.view(size, high, 1, 1)).sum(dim=1)

    def _coded_again(self, grey: Tensor, coded: Tensor, generator: torch.Generator) -> Tensor:
        """Pixel noise as the coding of the sheets leaves it, on some: live features have none, and both must do."""
        sheet, live = self._settings.coding_probability
        draw = torch.rand(len(grey), generator=generator).to(self._device)
        chosen = draw < torch.where(coded, sheet, live)
        levels = self._uniform(len(grey), 0.0, self._settings.coding_levels, generator) * chosen
        speckle = torch.randn(grey.shape, generator=generator).to(self._device)
        return (grey + speckle * levels.view(-1, 1, 1)).clamp(0.0, 255.0)

    def _masked(self, grey: Tensor, generator: torch.Generator) -> Tensor:
        """SpecAugment: one stretch of frames and one of bands become silent."""
        frames = self._stretch(len(grey), CLIP_FRAMES, self._settings.mask_frames, generator)
        bands = self._stretch(len(grey), BANDS, self._settings.mask_bands, generator)
        return grey * (1.0 - frames.unsqueeze(2)) * (1.0 - bands.unsqueeze(1))

    def _stretch(self, size: int, length: int, widest: int, generator: torch.Generator) -> Tensor:
        """Ones on a random stretch of each row, zeros elsewhere: (size, length)."""
        width = torch.randint(0, widest + 1, (size, 1), generator=generator)
        start = (torch.rand(size, 1, generator=generator) * (length - width + 1)).long()
        place = torch.arange(length).unsqueeze(0)
        return ((place >= start) & (place < start + width)).float().to(self._device)


def with_history(pictures: Tensor, generator: torch.Generator) -> Tensor:
    """Sometimes the end of other pictures before each: a stream has a past that a recurrent model must forget."""
    if float(torch.rand(1, generator=generator)) >= HISTORY_PROBABILITY:
        return pictures
    frames = int(torch.randint(HISTORY_FRAMES[0], HISTORY_FRAMES[1] + 1, (1,), generator=generator))
    past = torch.cat([pictures.roll(2, 0), pictures.roll(1, 0)], dim=1)
    return torch.cat([past[:, -frames:], pictures], dim=1)


def speech_level(power: Tensor) -> Tensor:
    """Mean band power over the frames that are not digital silence: (b, 1, 1)."""
    sounding = (power.amax(dim=2, keepdim=True) > POWER_FLOOR).float()
    return (power * sounding).sum(dim=(1, 2), keepdim=True) / (sounding.sum(dim=1, keepdim=True) * BANDS).clamp_min(1.0)


def shifted(power: Tensor, frames: Tensor) -> Tensor:
    """Each picture moved along time by its own number of frames; what comes in is a mirror of what is at the edge.

    Silence would be a mark of the moved pictures: noise that fills the whole second, as in use, would not be known.
    """
    last = power.shape[1] - 1
    source = (torch.arange(power.shape[1], device=power.device).unsqueeze(0) - frames.unsqueeze(1)).abs()
    index = torch.where(source > last, 2 * last - source, source).unsqueeze(2).expand_as(power)
    return torch.gather(power, 1, index)
