"""Per-band signal-to-noise ratio against a noise floor that follows the stream. Nothing here is learned."""

import torch
from torch import Tensor

START_FRAMES = 5  # the floor begins as the mean of these
RISE, FALL = 0.01, 0.2  # how far it moves towards a louder and a quieter frame; RISE is the smaller one
SNR_UNIT = 40.0  # grey levels: 17 dB, so that speech in quiet is about 1 to 3


def follow(grey: Tensor, floor: Tensor, age: Tensor) -> tuple[Tensor, Tensor]:
    """Noise floor under each frame, and the last one.

    Args:
        grey: (b, t, 40) grey values, which are logarithms of power.
        floor: (b, 40) the floor before the first frame; any value when age is 0.
        age: frames since the stream began, a scalar.
    """
    times = age + torch.arange(grey.shape[1], device=grey.device)
    start = 1.0 / (times + 1.0)
    rates = torch.stack([torch.where(times < START_FRAMES, start, rate) for rate in (RISE, FALL)], dim=1)
    rates = rates.view(-1, 2, 1, 1)
    moved = rates * grey.transpose(0, 1).unsqueeze(1)  # (t, 2, b, 40)
    floor = floor.view(1, 1, -1, grey.shape[2])
    floors = []
    for stay, towards in zip((1.0 - rates).split(1), moved.split(1), strict=True):
        floor = (stay * floor + towards).amin(dim=1, keepdim=True)  # the slower way up, the faster way down
        floors.append(floor)
    return torch.cat(floors).squeeze(1).transpose(0, 1), floor[0, 0]


def snr(grey: Tensor, floors: Tensor) -> Tensor:
    """Frames and their floors (b, t, 40) → signal-to-noise ratio in units of 17 dB, -1 to 4."""
    return ((grey - floors) / SNR_UNIT).clamp(-1.0, 4.0)
