"""Learning curves: one CSV row per report, and a plot of them."""

import csv
from dataclasses import asdict, dataclass, fields
from pathlib import Path


@dataclass(frozen=True)
class Report:
    """State of a run at one step."""

    step: int
    epoch: int
    hours: float
    """hours of sound trained on since the run began, padding left out"""
    wall_s: float
    """seconds that this process and those before it trained"""
    learning_rate: float
    gradient_norm: float
    acoustic: float
    """loss without decoder, nats per token"""
    joint: float
    """transducer loss, nats per token"""
    dev: float | None = None
    """transducer loss on the dev split, nats per token, without augmentation"""


def append(path: Path, report: Report) -> None:
    """Add a row; a new file gets a header."""
    new = not path.exists()
    with path.open("a", newline="") as lines:
        table = csv.DictWriter(lines, [field.name for field in fields(Report)])
        if new:
            table.writeheader()
        table.writerow({k: round(v, 6) if isinstance(v, float) else v for k, v in asdict(report).items()})


SHOWN_NATS = (0.3, 10.0)
"""What the plot shows: the first steps lie above, batches of noise alone below."""


def cut_after(path: Path, step: int) -> None:
    """Drop the rows of steps that a resumed run will take again."""
    if not path.exists():
        return
    with path.open(newline="") as lines:
        header, *rows = list(csv.reader(lines))
    with path.open("w", newline="") as lines:
        csv.writer(lines).writerows([header, *(row for row in rows if int(row[0]) <= step)])


def plot(path: Path, output: Path) -> None:
    """Draw loss against hours of sound; without matplotlib there is no plot."""
    try:
        import matplotlib as mpl  # noqa: PLC0415  (heavy, optional)
    except ImportError:
        return
    mpl.use("Agg")
    from matplotlib import pyplot as plt  # noqa: PLC0415  (after the backend is chosen)

    with path.open(newline="") as lines:
        rows = list(csv.DictReader(lines))
    figure, axes = plt.subplots(figsize=(7, 4))
    for name in ("joint", "dev"):
        points = [(float(row["hours"]), float(row[name])) for row in rows if row[name]]
        if points:
            axes.plot(*zip(*points, strict=True), label=name, marker="." if name == "dev" else "")
    axes.set(xlabel="hours of sound trained on", ylabel="loss, nats per token", yscale="log", ylim=SHOWN_NATS)
    axes.grid(visible=True, alpha=0.3)
    axes.legend()
    figure.tight_layout()
    figure.savefig(output, dpi=110)
    plt.close(figure)
