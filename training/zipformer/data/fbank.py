"""Log-mel features in torch, for whole batches on whatever device trains.

The same numbers as kaldi-native-fbank with the settings that kwsd runs with (80 bins, 25 ms Povey windows every 10 ms,
20 to 7600 Hz, pre-emphasis 0.97, no dither, edges mirrored); a test compares the two.
"""

from functools import lru_cache

import torch
from torch import Tensor

from kwsd.timebase import FBANK_SHIFT_SAMPLES, SAMPLE_RATE

RATE, SHIFT = SAMPLE_RATE, FBANK_SHIFT_SAMPLES
"""Samples from one frame to the next, 10 ms."""
WINDOW = 400
"""Samples in a frame, 25 ms."""
FFT = 512
LEAD = (WINDOW - SHIFT) // 2
"""Samples of the first window that lie before the first sample, mirrored."""
LOWEST_HZ, HIGHEST_HZ = 20.0, 7600.0
FLOOR = torch.finfo(torch.float32).eps


def frame_count(samples: int) -> int:
    """Frames whose whole window is present in so many samples."""
    return max(0, (samples + LEAD - WINDOW) // SHIFT + 1)


def fbank(samples: Tensor, bins: int = 80) -> Tensor:
    """Compute log-mel energies.

    Args:
        samples: (N, S) float32 at 16 kHz in [-1, 1].
        bins: number of mel bins.

    Returns:
        (N, frame_count(S), bins) natural logarithms of energies.
    """
    mirrored = torch.cat([samples[:, :LEAD].flip(1), samples], dim=1)
    frames = mirrored.unfold(1, WINDOW, SHIFT)
    frames = frames - frames.mean(dim=2, keepdim=True)
    before = torch.cat([frames[..., :1], frames[..., :-1]], dim=2)
    windowed = (frames - 0.97 * before) * _povey(samples.device)
    power = torch.view_as_real(torch.fft.rfft(windowed, FFT)).square().sum(-1)
    return (power[..., : FFT // 2] @ _mel_weights(bins, samples.device)).clamp(min=FLOOR).log()


@lru_cache(maxsize=4)
def _povey(device: torch.device) -> Tensor:
    return torch.hann_window(WINDOW, periodic=False, device=device).pow(0.85)


def _mel(hertz: Tensor) -> Tensor:
    return 1127.0 * (1.0 + hertz / 700.0).log()


@lru_cache(maxsize=4)
def _mel_weights(bins: int, device: torch.device) -> Tensor:
    """Triangles that are straight on the mel scale: (FFT / 2, bins)."""
    low, high = _mel(torch.tensor([LOWEST_HZ, HIGHEST_HZ], dtype=torch.float64))
    corners = torch.linspace(float(low), float(high), bins + 2, dtype=torch.float64)
    place = _mel(torch.arange(FFT // 2, dtype=torch.float64) * RATE / FFT).unsqueeze(1)
    rising = (place - corners[:-2]) / (corners[1:-1] - corners[:-2])
    falling = (corners[2:] - place) / (corners[2:] - corners[1:-1])
    return torch.minimum(rising, falling).clamp(min=0.0).to(torch.float32).to(device)
