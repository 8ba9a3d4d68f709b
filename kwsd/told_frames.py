"""Encoder frames as an event, for programs that gather them: nothing is encoded twice, and no sound leaves kwsd."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING, Any, ClassVar, Literal, Self

from kwsd.quick_dataclass import dataclass
from kwsd.records import Record

if TYPE_CHECKING:
    from kwsd.stream import Float32, Frames


@dataclass(frozen=True, slots=True, kw_only=True)
class EncoderFrames(Record):
    """What the encoder makes of some 320 ms, for those who may have the sound itself; only to who subscribes to it."""

    type: ClassVar[str] = "encoder_frames"
    optional: ClassVar[bool] = True
    private: ClassVar[bool] = True
    weights: str
    """Names the encoder that made them; frames of another one cannot be searched together with these."""
    origin_sample: int
    """Where the encoder last began, at 16 kHz since the daemon started."""
    first: int
    """Number of the first frame, of 40 ms, since then."""
    count: int
    """Frames."""
    kind: Literal["heard", "quiet", "failed"]
    """quiet: the gate spared the encoder; failed: its output was not finite."""
    arrived_sample: int
    """Sound that had to come before this was known."""
    power: str
    """Base64 of float32, little-endian: the logarithm of the power of each 10 ms, look-ahead included."""
    encoder_out: str | None
    """Base64 of float16, little-endian, frame after frame; null unless heard."""

    @classmethod
    def of(cls, frames: Frames, weights: str) -> Self:
        """The event that tells of frames."""
        encoder_out = frames.encoder_out
        return cls(
            weights=weights,
            origin_sample=frames.origin_sample,
            first=frames.first,
            count=frames.count,
            kind=frames.kind,
            arrived_sample=frames.arrived_sample,
            power=_text(frames.power, "<f4"),
            encoder_out=None if encoder_out is None else _text(encoder_out, "<f2"),
        )


def frames_of(told: dict[str, Any]) -> Frames:
    """The frames of such an event, as it comes over the socket. Raises KeyError, ValueError: it is none."""
    import numpy as np  # noqa: PLC0415 - every command knows the events, and few these frames

    from kwsd.stream import Frames  # noqa: PLC0415 - likewise

    rows = told["encoder_out"]
    power = np.frombuffer(base64.b64decode(told["power"]), "<f4")
    return Frames(
        origin_sample=told["origin_sample"],
        first=told["first"],
        count=told["count"],
        kind=told["kind"],
        encoder_out=None
        if rows is None
        else np.frombuffer(base64.b64decode(rows), "<f2").astype(np.float32).reshape(told["count"], -1),
        power=power.astype(np.float32),
        arrived_sample=told["arrived_sample"],
    )


def _text(values: Float32, dtype: str) -> str:
    return base64.b64encode(values.astype(dtype).tobytes()).decode()
