"""Which pictures an epoch shows, and in which order: a pure function of bank, seed and epoch."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from measure.commands import LABELS, SILENCE, UNKNOWN
from training.commands12.bank import Bank


@dataclass(frozen=True)
class EpochMix:
    """Every keyword picture once, and a draw of live clips, unknown words and silence."""

    live: int = 3000  # commands that there is sound of
    other_words: int = 8000
    speech: int = 4000  # windows of running speech without a command
    silence: int = 2500


def epoch_rows(bank: Bank, mix: EpochMix, seed: int, epoch: int) -> NDArray[np.int64]:
    """Rows of the bank in the order of one epoch."""
    generator = np.random.default_rng((seed, epoch))
    silence, unknown = (bank.labels == LABELS.index(name) for name in (SILENCE, UNKNOWN))
    word = ~silence & ~unknown
    rows = [
        np.flatnonzero(word & bank.coded),
        drawn(word & ~bank.coded, mix.live, generator),
        drawn(unknown & bank.coded, mix.other_words, generator),
        drawn(unknown & ~bank.coded, mix.speech, generator),
        drawn(silence, mix.silence, generator),
    ]
    return generator.permutation(np.concatenate(rows))


def drawn(where: NDArray[np.bool_], count: int, generator: np.random.Generator) -> NDArray[np.int64]:
    """`count` rows of those that are true, none twice while there are enough."""
    rows = np.flatnonzero(where)
    rounds = -(-count // max(len(rows), 1))
    return np.concatenate([generator.permutation(rows) for _ in range(rounds)])[:count]
