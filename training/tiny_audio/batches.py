"""Which utterances a step learns from: drawn from its number alone, so that a run that goes on draws the same."""

from collections.abc import Sequence

import numpy as np

from training.tiny_audio.material import Utterance

ALIKE, ALIKE_AT_LEAST = 0.05, 64
"""Part of all utterances, by length, from which a batch is drawn: little of it is padding."""


def batch(by_length: Sequence[Utterance], seconds: float, seed: int, step: int) -> list[Utterance]:
    """Utterances of about the same length, `seconds` in all and at least one."""
    draw = np.random.default_rng((seed, step))
    near = min(len(by_length), max(ALIKE_AT_LEAST, int(ALIKE * len(by_length))))
    # A second of sound is as likely as any other, so a batch of long ones is not rarer for holding fewer.
    first = min(int(draw.integers(len(by_length))), len(by_length) - near)
    order = draw.permutation(near)
    taken, held_s = list[Utterance](), 0.0
    for place in order:
        utterance = by_length[first + place]
        if taken and held_s + utterance.seconds > seconds:
            break
        taken.append(utterance)
        held_s += utterance.seconds
    return taken
