"""The course of a run: one CSV line per epoch, and a picture of them."""

import csv
from dataclasses import asdict, dataclass, fields
from pathlib import Path


@dataclass(frozen=True)
class EpochLine:
    """What one epoch came to. Accuracies 0 to 1."""

    epoch: int
    learning_rate: float
    train_loss: float
    train_accuracy: float
    validation_accuracy: float
    validation_in_babble: float
    """Among talkers of the training speech, 0 dB."""
    seconds: float


def append(path: Path, line: EpochLine) -> None:
    """Add one epoch; lines that a killed run wrote for later epochs are dropped."""
    kept = [old for old in read(path) if old.epoch < line.epoch]
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, [field.name for field in fields(EpochLine)])
        writer.writeheader()
        writer.writerows(asdict(each) for each in (*kept, line))


def read(path: Path) -> list[EpochLine]:
    """All epochs written so far."""
    if not path.exists():
        return []
    with path.open(encoding="utf-8", newline="") as file:
        return [
            EpochLine(int(row["epoch"]), *(float(row[f.name]) for f in fields(EpochLine)[1:]))
            for row in csv.DictReader(file)
        ]


def plot(table: Path, picture: Path) -> None:
    """Loss and accuracies over the epochs, as a PNG."""
    import matplotlib as mpl  # noqa: PLC0415 - slow to load

    mpl.use("Agg")
    from matplotlib import pyplot as plt  # noqa: PLC0415 - after the backend is chosen

    lines = read(table)
    epochs = [line.epoch for line in lines]
    figure, (left, right) = plt.subplots(1, 2, figsize=(10, 4))
    left.plot(epochs, [line.train_loss for line in lines])
    left.set(xlabel="epoch", title="training loss")
    right.plot(epochs, [line.train_accuracy for line in lines], label="training (augmented)")
    right.plot(epochs, [line.validation_accuracy for line in lines], label="validation pictures")
    right.plot(epochs, [line.validation_in_babble for line in lines], label="the same in babble, 0 dB")
    right.set(xlabel="epoch", title="accuracy")
    right.legend()
    figure.tight_layout()
    figure.savefig(picture, dpi=100)
    plt.close(figure)
