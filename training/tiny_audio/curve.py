"""The course of a run: metrics.csv, a line whenever dev was heard, and curve.png."""

import csv
from dataclasses import asdict, dataclass, fields
from pathlib import Path

from measure.plots import canvas

METRICS, PICTURE = "metrics.csv", "curve.png"


@dataclass(frozen=True, slots=True)
class Line:
    """Losses are nats per token."""

    step: int
    taught_by: str
    """ctc or decoder."""
    train_loss: float
    """Mean since the line before."""
    dev_loss: float
    dev_wer: float
    """By CTC alone, without the decoder, 0 to 1 and more."""
    hours_heard: float
    minutes: float
    """Of all sittings."""


def append(folder: Path, line: Line) -> None:
    """Add a line and draw the picture anew; lines that a killed run wrote for later steps are dropped."""
    kept = [*(old for old in read(folder) if old.step < line.step), line]
    with (folder / METRICS).open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, [field.name for field in fields(Line)])
        writer.writeheader()
        writer.writerows(asdict(each) for each in kept)
    figure, axes = canvas()
    for kind in dict.fromkeys(each.taught_by for each in kept):
        own = [each for each in kept if each.taught_by == kind]
        for what in ("train_loss", "dev_loss"):
            axes.plot([each.step for each in own], [getattr(each, what) for each in own], label=f"{what}, {kind}")
    errors = axes.twinx()
    errors.plot(
        [each.step for each in kept], [100 * each.dev_wer for each in kept], "k:", label="dev words wrong, % (CTC)"
    )
    axes.set(xlabel="step", ylabel="nats per token")
    errors.set(ylabel="%", ylim=(0, 110))
    figure.legend(loc="outside upper center", ncols=3, fontsize=7)
    figure.savefig(folder / PICTURE, dpi=100)


def read(folder: Path) -> list[Line]:
    """All lines so far."""
    if not (folder / METRICS).exists():
        return []
    with (folder / METRICS).open(encoding="utf-8", newline="") as file:
        return [
            Line(int(row["step"]), row["taught_by"], *(float(row[field.name]) for field in fields(Line)[2:]))
            for row in csv.DictReader(file)
        ]
