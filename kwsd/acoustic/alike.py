"""How far the frames of two encoders are apart, and those of one where its stream is alone and where it is not."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from kwsd.acoustic.encoder import Encoder
from kwsd.acoustic.fbank import NUM_BINS
from kwsd.errors import ModelError
from kwsd.stream import Float32

TRIED_SEGMENTS, HEARD_SEGMENTS = 10, 12
ALIKE_SHARE = 0.05
"""Of the frames' spread. int8 of kwsd-en and upstream's model is 1 to 2 % away from float32."""


def require_alike(original: Path, other: Path) -> None:
    """Raises ModelError unless two graphs give the same frames, as far as int8 of either allows."""
    share = apart(Encoder(original), Encoder(other))
    if not share < ALIKE_SHARE:
        raise ModelError(f"{other}: its frames differ from those of {original.name} by {share:.1%}; not used")


def apart(original: Encoder, other: Encoder) -> float:
    """How far the frames of another are from the original's, as a share of their spread.

    Heard is noise that swells and fades: 3 s, in which caches fill up.
    """
    chance, encoders = np.random.default_rng(0), [original, other]
    levels = -16.0 + 14.0 * np.abs(np.sin(np.arange(TRIED_SEGMENTS)))
    states = [encoder.initial_state() for encoder in encoders]
    frames: list[list[Float32]] = [[], []]
    for level in levels:
        segment = chance.normal(level, 2.0, (original.segment_frames, NUM_BINS)).astype(np.float32)
        for number, encoder in enumerate(encoders):
            heard, states[number] = encoder.run([segment], [states[number]])[0]
            frames[number].append(np.array(heard))
    return float((np.stack(frames[0]) - np.stack(frames[1])).std() / np.stack(frames[0]).std())


def apart_in_company(encoder: Encoder) -> float:
    """How far a stream's frames are from its own where fifteen loud ones are heard with it."""
    chance, quiet, loud = np.random.default_rng(0), encoder.initial_state(), [encoder.initial_state()] * 16
    largest = 0.0
    for _ in range(HEARD_SEGMENTS):
        shape = encoder.segment_frames, NUM_BINS
        own, *others = (chance.normal(level, 3.0, shape).astype(np.float32) for level in [-8.0, *[4.0] * 15])
        ((alone, quiet),) = encoder.run([own], [quiet])
        found = encoder.run([own, *others], loud)
        loud = [state for _, state in found]
        largest = max(largest, float(np.abs(found[0][0] - alone).max()))
    return largest
