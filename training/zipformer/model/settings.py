"""The shape of the network: everything needed to rebuild it from a checkpoint."""

from dataclasses import asdict, dataclass, fields
from typing import Any

FRAMES_PER_EMBEDDING = 2
"""Fbank frames (10 ms) per frame of the encoder's inner rate (20 ms, 50 Hz): the front end's stride."""
CONVOLUTION_LOSS = 7
"""Fbank frames that the front end's three unpadded convolutions take from a segment."""
NEXT_CONTEXT = 3
"""Inner frames that the ConvNeXt block sees to each side."""
UPSTREAM_EMBED_CHANNELS = 128
"""Channels of the cache `embed_states` in the public ONNX layout, whatever this front end has."""


@dataclass(frozen=True)
class ModelSettings:
    """Sizes of a streaming Zipformer transducer (arXiv:2310.11230); tuples have one entry per stack."""

    vocabulary: int = 41
    """Number of units, blank included."""
    mel_bins: int = 80
    front_channels: tuple[int, int, int] = (8, 16, 24)
    """Channels of the three front-end convolutions; the usual 8-32-128 costs three times the rest of the network."""
    dimension: int = 96
    """Width of every stack."""
    layers: tuple[int, ...] = (1, 1, 1, 1, 1, 1)
    downsampling: tuple[int, ...] = (1, 2, 4, 8, 4, 2)
    """Inner frames per frame of the stack."""
    heads: tuple[int, ...] = (4, 4, 4, 4, 4, 4)
    kernels: tuple[int, ...] = (31, 31, 15, 15, 15, 31)
    """Odd widths of the depthwise convolutions, in frames of the stack."""
    feed_forward: int = 128
    query_head: int = 16
    value_head: int = 12
    position_head: int = 4
    position_dimension: int = 48
    decoder_dimension: int = 128
    joiner_dimension: int = 128
    context: int = 2
    """Tokens that the stateless decoder sees."""
    dropout: float = 0.0
    """SpecAugment is enough for a network this small; drawing dropout takes a twelfth of a step on a CPU"""
    activation: str = "silu"
    """of the stacks: swoosh or silu"""
    front_activation: str = "silu"
    """of the front end"""

    def __post_init__(self) -> None:
        """Check that the tuples agree in length.

        Raises:
            ValueError: the stacks are described by tuples of different lengths.
        """
        lengths = {len(self.layers), len(self.downsampling), len(self.heads), len(self.kernels)}
        if len(lengths) != 1:
            raise ValueError("layers, downsampling, heads and kernels must have one entry per stack")

    @property
    def embedding_bins(self) -> int:
        """Frequency bins that the front end leaves: 19 of 80."""
        return ((self.mel_bins - 1) // 2 - 1) // 2

    def to_json(self) -> dict[str, Any]:
        """Give the settings as plain values, for a checkpoint."""
        return asdict(self)

    @classmethod
    def from_json(cls, values: dict[str, Any]) -> "ModelSettings":
        """Rebuild settings from `to_json`; lists become tuples again."""
        known = {field.name for field in fields(cls)}
        plain: dict[str, Any] = {k: tuple(v) if isinstance(v, list) else v for k, v in values.items() if k in known}
        return cls(**plain)
