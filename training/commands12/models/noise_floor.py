"""Per-band signal-to-noise ratio against a noise floor that follows the stream. Nothing here is learned."""

import torch
from torch import Tensor

from kwsd.commands12.nc_ssm import FALL, RISE, SNR_RANGE, SNR_UNIT, START_FRAMES


def follow(grey: Tensor, floor: Tensor, age: Tensor) -> tuple[Tensor, Tensor]:
    """Noise floor under each frame, and the last one.

    Args:
        grey: (b, t, 40) grey values, which are logarithms of power.
        floor: (b, 40) the floor before the first frame; any value when age is 0.
        age: frames since the stream began, a scalar.
    """
    times = age + torch.arange(grey.shape[1], device=grey.device)
    start = 1.0 / (times + 1.0)
    rates = torch.stack([torch.where(times < START_FRAMES, start, rate) for rate in (RISE, FALL)], dim=1)  # (t, 2)
    moved = rates.unsqueeze(1) * grey.transpose(0, 1).reshape(len(times), -1, 1)
    level = floor.reshape(-1, 1)  # (b × 40, 1)
    levels = []
    for stay, towards in zip((1.0 - rates).split(1), moved.view(-1, 2).split(len(level)), strict=True):
        level = torch.addmm(towards, level, stay).amin(dim=1, keepdim=True)  # the slower way up, the faster way down
        levels.append(level)
    return torch.cat(levels).view(len(times), *floor.shape).transpose(0, 1), level.view_as(floor)


def snr(grey: Tensor, floors: Tensor) -> Tensor:
    """Frames and their floors (b, t, 40) → signal-to-noise ratio in units of 17 dB, -1 to 4."""
    return ((grey - floors) / SNR_UNIT).clamp(*SNR_RANGE)
