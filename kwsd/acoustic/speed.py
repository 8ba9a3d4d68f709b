"""What encoders of the same model cost on this machine: which of them costs least depends on its processor."""

from __future__ import annotations

import time
from collections.abc import Sequence
from statistics import median

import numpy as np

from kwsd.acoustic.encoder import Encoder
from kwsd.acoustic.fbank import NUM_BINS

ROUNDS = 25


def chunk_ms(encoders: Sequence[Encoder]) -> list[float]:
    """Milliseconds of processor time that each takes for a call: the median of many, in alternation."""
    times: list[list[float]] = [[] for _ in encoders]
    states = [encoder.initial_state() for encoder in encoders]
    chance = np.random.default_rng(0)
    for _ in range(ROUNDS):
        for number, encoder in enumerate(encoders):
            segment = chance.normal(-8.0, 2.0, (encoder.segment_frames, NUM_BINS)).astype(np.float32)
            began_s = time.thread_time()
            _, states[number] = encoder.run([segment], [states[number]])[0]
            times[number].append(1000 * (time.thread_time() - began_s))
    return [median(each) for each in times]
