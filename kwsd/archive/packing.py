"""Frames in half the place of float16 and nearly its precision: what an encoder gives lies in fewer dimensions than C.

The last layer of kwsd-en makes 128 numbers of 96, so 96 coordinates say all; turned so that they vary on their own,
most vary little, and a step of 0.001 needs 10 to 11 bits of each. Low bytes are noise and stay as they are, high bytes
shrink.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from kwsd.archive.encode import Made
from kwsd.stream import Float32, Frames, Kind

STEP = 0.001  # of values that spread by 1.1: an error of 0.0003, that of float16 is 0.0002
KINDS: tuple[Kind, ...] = ("heard", "quiet", "failed")
Arrays = Mapping[str, NDArray[Any]]


def pack(rows: Sequence[tuple[int, Frames]]) -> dict[str, NDArray[Any]]:
    """Frames of spans, each with the place of its span → arrays. `low` cannot be made smaller, the others can."""
    frames = [each for _, each in rows]
    heard = [each.encoder_out for each in frames if each.encoder_out is not None]
    packed = _turned(np.concatenate(heard)) if heard else {}
    return {
        "span": np.array([span for span, _ in rows], np.uint32),
        "origin": np.array([each.origin_sample for each in frames], np.int64),
        "first": np.array([each.first for each in frames], np.uint32),
        "count": np.array([each.count for each in frames], np.uint8),
        "kind": np.array([KINDS.index(each.kind) for each in frames], np.uint8),
        "arrived": np.array([each.arrived_sample for each in frames], np.int64),
        "power": np.array([each.power for each in frames], np.float16),
        **packed,
    }


def _turned(values: Float32) -> dict[str, NDArray[Any]]:
    """Values (n, C) → coordinates (k, n) in steps, as two planes of bytes, and what turns them back."""
    mean = values.mean(axis=0)
    spread, axes = np.linalg.eigh(np.cov((values - mean).T.astype(np.float64)))
    basis = axes[:, spread > (STEP / 8) ** 2].T.astype(np.float16)
    turned = np.linalg.pinv(basis.astype(np.float32)).T @ (values - mean).T
    step = np.float32(max(STEP, float(np.abs(turned).max(initial=0.0)) / 32_000))
    steps = np.rint(turned / step).astype(np.int16)
    return {
        "mean": mean,
        "basis": basis,
        "step": np.array(step),
        "low": (steps & 0xFF).astype(np.uint8),
        "high": (steps >> 8).astype(np.int8),
    }


def unpack(arrays: Arrays) -> Iterator[Made]:
    """What was packed, in its order."""
    values: Float32 = np.zeros((0, 0), np.float32)
    if "low" in arrays:
        steps = (arrays["high"].astype(np.int16) << 8) | arrays["low"]
        values = (steps.T.astype(np.float32) * arrays["step"]) @ arrays["basis"].astype(np.float32) + arrays["mean"]
    at = 0
    for row, span in enumerate(arrays["span"].tolist()):
        kind, count = KINDS[arrays["kind"][row]], int(arrays["count"][row])
        encoder_out = values[at : at + count] if kind == "heard" else None
        at += count if kind == "heard" else 0
        yield Made(
            span,
            Frames(
                origin_sample=int(arrays["origin"][row]),
                first=int(arrays["first"][row]),
                count=count,
                kind=kind,
                encoder_out=encoder_out,
                power=arrays["power"][row].astype(np.float32),
                arrived_sample=int(arrays["arrived"][row]),
            ),
        )
