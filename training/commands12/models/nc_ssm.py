"""NC-SSM: a small recurrent state-space model that the signal-to-noise ratio of every band steers.

In each layer (SA-SSM) the step size is softplus(W x + V s), so that a low ratio s slows the state, and the way in is
B (1 - a + a sigmoid(G s)) with a learned a. A stretch of any number of frames goes through at once; the states it
returns continue the stream, so one frame after the other gives the same as all together.
"""

from dataclasses import dataclass
from typing import cast

import torch
from torch import Tensor, nn
from torch.nn import functional

from kwsd.commands12.frontend import BANDS
from kwsd.commands12.nc_ssm import BAND_FRAMES, CONV_FRAMES, NORM_FLOOR, WEIGHT_RANGE
from measure.commands import LABELS
from training.commands12.models.noise_floor import follow, snr
from training.commands12.models.scale import centred
from training.commands12.models.scan import selective_scan


@dataclass(frozen=True)
class NcSsmSize:
    """Widths of the model; `inner` is heads × width of a head."""

    width: int
    inner: int
    heads: int
    states: int
    layers: int = 2


def causal_conv(conv: nn.Conv1d, signal: Tensor, tail: Tensor) -> tuple[Tensor, Tensor]:
    """Depthwise convolution that looks back into `tail` (b, frames - 1, c): (b, t, c) and the next tail.

    As an image one pixel high the signal is in "channels last" order as it is, and nothing has to be copied.
    """
    known = torch.cat([tail, signal], dim=1)
    image = known.transpose(1, 2).unsqueeze(2)
    found = functional.conv2d(image, conv.weight.unsqueeze(2), conv.bias, groups=conv.groups)
    return found.squeeze(2).transpose(1, 2), known[:, signal.shape[1] :]


class RmsNorm(nn.Module):
    """Root mean square normalisation, written out: onnxruntime knows this form and makes it one operation."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(width))

    def forward(self, signal: Tensor) -> Tensor:
        """(…, width) → the same shape."""
        return signal / torch.sqrt(signal.pow(2).mean(dim=-1, keepdim=True) + NORM_FLOOR) * self.weight


class SnrLayer(nn.Module):
    """One gated SA-SSM layer with a residual around it."""

    def __init__(self, size: NcSsmSize) -> None:
        super().__init__()
        self.size = size
        self.norm = RmsNorm(size.width)
        self.inward = nn.Linear(size.width, 2 * size.inner, bias=False)
        self.conv = nn.Conv1d(size.inner, size.inner, CONV_FRAMES, groups=size.inner)
        self.step = nn.Linear(size.inner, size.heads)
        self.step_of_snr = nn.Linear(BANDS, size.heads, bias=False)
        self.ways = nn.Linear(size.inner, 2 * size.states, bias=False)
        self.gate_of_snr = nn.Linear(BANDS, size.states)
        self.gate_share = nn.Parameter(torch.tensor(0.5))
        self.log_decay = nn.Parameter(torch.linspace(0.0, 2.0, size.heads))
        self.skip = nn.Parameter(torch.ones(size.inner))
        self.outward = nn.Linear(size.inner, size.width, bias=False)
        nn.init.constant_(self.step_of_snr.weight, 0.5 / BANDS)  # higher ratio, longer step
        nn.init.constant_(self.step.bias, -3.0)  # steps of about 0.05: memories of 0.03 to 0.2 s and more

    def start(self, batch: int) -> tuple[Tensor, Tensor]:
        """States of a stream that has not begun: convolution tail and state space."""
        size = self.size
        tail = torch.zeros(batch, CONV_FRAMES - 1, size.inner)
        return tail, torch.zeros(batch, size.heads, size.states, size.inner // size.heads)

    def forward(self, signal: Tensor, ratio: Tensor, tail: Tensor, state: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Signal (b, t, width) and ratio (b, t, 40) → signal, tail, state."""
        x, gate = self.inward(self.norm(signal)).chunk(2, dim=-1)
        x, tail = causal_conv(self.conv, x, tail)
        x = functional.silu(x)
        y, state = self._states(x, ratio, state)
        y = (y + x * self.skip) * functional.silu(gate)
        return signal + self.outward(y), tail, state

    def _states(self, x: Tensor, ratio: Tensor, state: Tensor) -> tuple[Tensor, Tensor]:
        step = functional.softplus(self.step(x) + self.step_of_snr(ratio))
        way_in, way_out = self.ways(x).chunk(2, dim=-1)
        way_in = way_in * (1.0 - self.gate_share + self.gate_share * torch.sigmoid(self.gate_of_snr(ratio)))
        heads = x.unflatten(-1, (self.size.heads, -1))
        y, state = selective_scan(heads, step, -torch.exp(self.log_decay), b=way_in, c=way_out, state=state)
        return y.flatten(2), state


class NcSsm(nn.Module):
    """The frame model: constant memory, a decision at every 10 ms frame."""

    def __init__(self, size: NcSsmSize) -> None:
        super().__init__()
        self.size = size
        self.snr_share = nn.Parameter(torch.full((BANDS,), 0.5))
        self.bands = nn.Conv1d(BANDS, BANDS, BAND_FRAMES, groups=BANDS)
        self.embed = nn.Linear(BANDS, size.width)
        self.layers = nn.ModuleList(SnrLayer(size) for _ in range(size.layers))
        self.norm = RmsNorm(size.width)
        self.weigh = nn.Linear(size.width, 1)
        self.log_forget = nn.Parameter(torch.tensor(-4.0))  # the mean forgets with about 0.5 s
        self.head = nn.Linear(size.width, len(LABELS))
        nn.init.zeros_(self.bands.weight)
        nn.init.ones_(self.bands.weight[:, :, -1])

    def start(self, batch: int = 1) -> list[Tensor]:
        """States of a stream that has not begun: age, floor, band tail, mean, and two per layer."""
        states = [torch.zeros(()), torch.zeros(batch, BANDS), torch.zeros(batch, BAND_FRAMES - 1, BANDS)]
        states += [torch.zeros(batch, self.size.width + 1)]
        for layer in self.layers:
            states += layer.start(batch)
        return states

    def forward(self, pictures: Tensor) -> Tensor:
        """Pictures (b, t, 40) → logits (b, 12) after the last frame."""
        device = pictures.device
        logits, *_ = self.stream(pictures, *(state.to(device) for state in self.start(len(pictures))))
        return logits[:, -1]

    def stream(self, grey: Tensor, *states: Tensor) -> tuple[Tensor, ...]:
        """Frames (b, t, 40) and states → logits (b, t, 12) after every frame, and the next states."""
        age, floor, band_tail, mean, *layer_states = states
        with torch.no_grad():
            floors, floor = follow(grey, floor, age)
        ratio = snr(grey, floors)
        signal, band_tail = causal_conv(self.bands, centred(grey) + ratio * self.snr_share, band_tail)
        signal = self.embed(signal)
        found: list[Tensor] = []
        for layer, tail, state in zip(self.layers, layer_states[::2], layer_states[1::2], strict=True):
            signal, tail, state = layer(signal, ratio, tail, state)  # noqa: PLW2901 - the next states
            found += [tail, state]
        pooled, mean = self._pool(self.norm(signal), mean)
        return (cast("Tensor", self.head(pooled)), age + grey.shape[1], floor, band_tail, mean, *found)

    def _pool(self, signal: Tensor, mean: Tensor) -> tuple[Tensor, Tensor]:
        """Fading weighted mean up to each frame, the weight learned: sums of weight × signal and of weight."""
        weight = torch.exp(self.weigh(signal).clamp(*WEIGHT_RANGE))
        terms = torch.cat([weight * signal, weight], dim=-1)
        rate = -torch.exp(self.log_forget)
        frames = torch.arange(1, signal.shape[1] + 1, device=signal.device)
        ages = (frames.unsqueeze(1) - frames.unsqueeze(0)).float()
        fade = torch.where(ages >= 0, torch.exp(rate * ages.clamp_min(0.0)), 0.0)
        sums = fade @ terms + torch.exp(rate * frames).view(1, -1, 1) * mean.unsqueeze(1)
        return sums[..., :-1] / (sums[..., -1:] + 1.0), sums[:, -1]
