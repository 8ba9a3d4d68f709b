"""The model card: README.md and pictures, made of what the other stages measured and of nothing else."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from measure import command_figures
from measure.accuracy import Figures
from measure.command_figures import CLEAN, Cell
from measure.commands import LABELS
from training.commands12 import confusions
from training.commands12.models.registry import RECIPES

HEADING = """\
# The fixed command set: model card

Written by `python -m training.commands12 card`; every number below is measured by a stage of that recipe.

**What they are.** Twelve classes: silence, unknown, and the ten commands yes, no, up, down, left, right, on, off, stop,
go. `ds-cnn` models look at a window of one second; `nc-ssm` models are recurrent and decide at every 10 ms frame. Both
take the log-mel pictures of `kwsd/commands12/frontend.py` (40 bands to 4 kHz) and give posteriors.

**What they are for.** Commands said on their own, in English, to a machine too weak for an open vocabulary, or as a
second opinion beside it. Not for finding these words inside running speech, and not for anything where a false
alarm or a miss does harm.

**Licence** of the weights: Apache-2.0. **Training data** and checksums: `model.toml`.

**Where the numbers come from.** Half A of the official Speech Commands v0.02 test audio (130 speakers, none of them in
training; Opus 32 kbit/s), each clip through the live front end and the exported file in onnxruntime, as the daemon
runs it. Behaviour in a stream: `bench/results/commands12.md`. What is required is required of all 4,890 clips. The
other half is kept for acceptance; on it these models were 0.9 to 3.1 points worse, so on all they are about half of
that below what stands here.
"""


def write_card(bundle: Path) -> Path:
    """README.md and its pictures, beside the models."""
    models = measured(bundle)
    confusion_picture(models, bundle / "confusion.png")
    parts = [HEADING, "## Clips\n", accuracy_table(models, bundle), shortfall(models), CONFUSION_NOTE]
    parts += ["## F1 by class\n", f1_table(models)]
    noisy = {cell: value for cell, value in command_figures.read(bundle).items() if cell.noise != CLEAN}
    if noisy:
        parts += ["\n## In noise\n", GRID_NOTE, grid_table(noisy), "\n![Accuracy in noise](noise_grid.png)"]
    path = bundle / "README.md"
    path.write_text("\n".join(parts) + "\n", encoding="utf-8")
    return path


def measured(bundle: Path) -> dict[str, Figures]:
    """Every model that has been evaluated, in the order of the recipes."""
    known = confusions.read(bundle)
    return {name: known[name] for name in RECIPES if name in known}


CONFUSION_NOTE = """
Said downwards, heard to the right; the counts are in `confusion.csv`.

![Confusion matrices](confusion.png)
"""

GRID_NOTE = """\
Accuracy in %, noise and clip mixed as sound, at the ratio of their RMS over the clip's length. White noise is computed;
babble is five to nine talkers of the dev split of `../shared/speech`, others every five seconds; factory is chainsaws
over helicopters, street a computed rumble of cars with rain and dogs, recordings that training leaves out. As CSV, with
the number of clips of each cell: `figures.csv`. `python -m bench commands12` measures it again. Tones are what the
published evaluation of the NC-SSM adds as babble (`reproduce_taslp.py` beside its manuscript, where Table III has 92.9
at 0 dB for NC-SSM-20K): held tones under bells, no people. They can be compared with that, the rows of babble cannot.
"""


def shortfall(models: Mapping[str, Figures]) -> str:
    """Says plainly which models are not what they are to be."""
    short = [name for name, figures in models.items() if figures.accuracy < RECIPES[name].required]
    return f"**Below what is required: {', '.join(short)}.**" if short else "All reach what is required of them."


def table(heads: list[str], rows: list[list[str]]) -> str:
    """A table in Markdown."""
    lines = [heads, ["---"] * len(heads), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines) + "\n"


def accuracy_table(models: Mapping[str, Figures], bundle: Path) -> str:
    """Measured and required accuracy."""
    rows = []
    for name, figures in models.items():
        size = (bundle / f"{name}.onnx").stat().st_size
        reached = [percent(figures.accuracy), percent(float(figures.f1.mean())), percent(RECIPES[name].required)]
        rows.append([name, f"{parameters(name):,}", f"{size:,}", *reached])
    return table(["model", "parameters", "bytes", "accuracy", "macro F1", "required"], rows)


def parameters(name: str) -> int:
    """Weights of a network."""
    return sum(weight.numel() for weight in RECIPES[name].build().parameters())


def percent(part: float) -> str:
    """0.9665 → 96.65."""
    return f"{100 * part:.2f}"


def f1_table(models: Mapping[str, Figures]) -> str:
    """One row per class."""
    rows = [
        [label, *(percent(float(figures.f1[row])) for figures in models.values())] for row, label in enumerate(LABELS)
    ]
    return table(["class", *models], rows)


def grid_table(noisy: Mapping[Cell, float]) -> str:
    """One row per noise, ratio and number of clips, one column per model."""
    names = [name for name in RECIPES if any(cell.model == name for cell in noisy)]
    rows = []
    for noise, snr_db, clips in sorted({(cell.noise, cell.snr_db, cell.clips) for cell in noisy}):
        found = [noisy.get(Cell(name, noise, snr_db, clips)) for name in names]
        cells = ["" if value is None else percent(value) for value in found]
        rows.append([noise, f"{snr_db} dB", str(clips), *cells])
    return table(["noise", "SNR", "clips", *names], rows)


def confusion_picture(models: Mapping[str, Figures], path: Path) -> None:
    """One matrix per model, each row brought to 1."""
    import matplotlib as mpl  # noqa: PLC0415 - slow to load

    mpl.use("Agg")
    from matplotlib import pyplot as plt  # noqa: PLC0415 - after the backend is chosen

    columns = min(3, len(models))
    lines = -(-len(models) // columns)
    figure, axes = plt.subplots(lines, columns, figsize=(5.2 * columns, 5 * lines), squeeze=False)
    for axis in axes.flat:
        axis.set_visible(False)
    for (name, figures), axis in zip(models.items(), axes.flat, strict=False):
        draw_confusion(axis, name, figures)
    figure.tight_layout()
    figure.savefig(path, dpi=80)
    plt.close(figure)


def draw_confusion(axis: Any, name: str, figures: Figures) -> None:
    """Said downwards, heard to the right; counts in the cells."""
    counts = figures.confusion
    axis.set_visible(True)
    axis.imshow(counts / np.maximum(counts.sum(axis=1, keepdims=True), 1), cmap="Blues", vmin=0, vmax=1)
    axis.set_xticks(range(len(LABELS)), LABELS, rotation=90, fontsize=7)
    axis.set_yticks(range(len(LABELS)), LABELS, fontsize=7)
    axis.set(title=f"{name}, {100 * figures.accuracy:.1f} %", xlabel="heard", ylabel="said")
    for (said, heard), count in np.ndenumerate(counts):
        if count:
            colour = "white" if said == heard else "black"
            axis.text(heard, said, str(count), ha="center", va="center", fontsize=6, color=colour)
