"""What weights are chosen by: the validation speakers, in quiet and among talkers of the training speech."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from training.commands12.augment import Augmenter, AugmentSettings
from training.commands12.bank import Bank

BATCH = 256
BABBLE_SEED = 7
BABBLE_SNR_DB = 0.0


@dataclass(frozen=True)
class Judged:
    """Parts that are right, 0 to 1."""

    accuracy: float
    recall: float
    """Mean over the classes that are there."""


class Validation:
    """The validation pictures of a bank, as they are and among talkers; in all epochs and runs the same."""

    def __init__(self, bank: Bank) -> None:
        augmenter, generator = Augmenter(bank, AugmentSettings(), torch.device("cpu")), torch.Generator()
        generator.manual_seed(BABBLE_SEED)
        noisy = [augmenter.in_babble(part, BABBLE_SNR_DB, generator) for part in pieces(bank.validation)]
        self._labels = bank.validation_labels
        self._clean, self._noisy = bank.validation, np.asarray(torch.cat(noisy))

    def judge(self, model: nn.Module) -> tuple[Judged, Judged]:
        """In quiet and among talkers."""
        return self._judged(predict(model, self._clean)), self._judged(predict(model, self._noisy))

    def _judged(self, found: NDArray[np.int64]) -> Judged:
        right = found == self._labels
        return Judged(float(right.mean()), float(np.mean([right[self._labels == n].mean() for n in set(self._labels)])))


def predict(model: nn.Module, pictures: NDArray[np.generic]) -> NDArray[np.int64]:
    """Most likely class of each picture (n, 98, 40)."""
    device = next(model.parameters()).device
    model.eval()
    with torch.inference_mode():
        found = [model(piece.to(device)).argmax(dim=1).cpu() for piece in pieces(pictures)]
    return np.asarray(torch.cat(found))


def pieces(pictures: NDArray[np.generic]) -> Iterator[Tensor]:
    """Pictures as float batches."""
    for start in range(0, len(pictures), BATCH):
        yield torch.from_numpy(pictures[start : start + BATCH]).float()
