"""The weights of a streaming Zipformer2 encoder under one set of names, wherever they came from."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from kwsd.quick_dataclass import dataclass

Float32 = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class StackShape:
    """One stack of layers."""

    layers: int
    factor: int
    """Inner frames (20 ms) per frame of the stack."""
    heads: int
    query_head: int
    value_head: int
    position_head: int
    kernel: int


@dataclass(frozen=True, slots=True)
class EncoderShape:
    """What there is to build; everything else follows from the weights."""

    stacks: tuple[StackShape, ...]
    dimension: int
    chunk: int
    """Inner frames (20 ms) per call: 16 for 320 ms, 8 for 160 ms."""
    left: int
    """Inner frames of left context."""
    activation: Literal["silu", "swoosh"]
    input_scale: float = 1.0
    input_offset: float = 0.0
    """Fbank is taken as `scale * fbank + offset`."""

    @property
    def segment_frames(self) -> int:
        """Fbank frames per call: the convolutions take 7, the look-ahead is 6."""
        return 2 * self.chunk + 13


class Weights:
    """Named arrays, asked for by the part of the network they belong to.

    Names are those of `training.zipformer.model`: `encoder.stacks.2.layers.0.feed_forward1.in_proj.weight`. Linear
    weights are (out, in). In place of `linear_pos.weight` there may be `position_keys` (heads, position_head, L + 2 T),
    and in place of `edge_scale` `edges` (C, T), where an export keeps only what follows from them.
    """

    def __init__(self, arrays: Mapping[str, NDArray[np.floating]], prefix: str = "") -> None:
        self._arrays, self._prefix = arrays, prefix

    def within(self, part: str) -> Weights:
        """Those of a part of the network."""
        return Weights(self._arrays, f"{self._prefix}{part}.")

    def __contains__(self, name: str) -> bool:
        return self._prefix + name in self._arrays

    def __getitem__(self, name: str) -> Float32:
        """A weight; KeyError names it in full."""
        return np.asarray(self._arrays[self._prefix + name], np.float32)

    def linear(self, name: str) -> tuple[Float32, Float32]:
        """Weight (out, in) and bias (out,) of a linear layer."""
        return self[f"{name}.weight"], self[f"{name}.bias"]

    def bypass(self, name: str) -> Float32:
        """The share of what bypasses do not bypass, per channel."""
        return self[f"{name}.scale"]

    def averaging(self, name: str) -> Float32:
        """The weights of the frames that a downsampling takes the mean of."""
        exponentials = np.exp(self[f"{name}.bias"])
        return np.asarray(exponentials / exponentials.sum(), np.float32)
