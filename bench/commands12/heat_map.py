"""The noise grid as a picture: a panel per model, noises downwards, ratios to the right."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from measure.command_figures import Cell
from measure.noise_grid import NOISES, SNRS_DB


def draw(stated: Mapping[Cell, float], path: Path) -> None:
    """Accuracy in % as colour and number; where a cell was measured twice, on the more clips. White: not measured."""
    from matplotlib.figure import Figure  # noqa: PLC0415 - slow to load

    names = sorted({cell.model for cell in stated if cell.noise in NOISES})
    figure = Figure(figsize=(4.2 * len(names), 2.6), layout="constrained")
    panels = figure.subplots(1, len(names), squeeze=False)[0]
    for panel, name in zip(panels, names, strict=True):
        grid = np.full((len(NOISES), len(SNRS_DB)), np.nan)
        for cell in sorted(each for each in stated if each.model == name and each.noise in NOISES):
            grid[NOISES.index(cell.noise), SNRS_DB.index(cell.snr_db)] = 100 * stated[cell]
        panel.imshow(grid, vmin=0, vmax=100, cmap="viridis", aspect="auto")
        panel.set_xticks(range(len(SNRS_DB)), [str(snr_db) for snr_db in SNRS_DB])
        panel.set_yticks(range(len(NOISES)), NOISES)
        panel.set(title=name, xlabel="SNR, dB")
        for (row, column), value in np.ndenumerate(grid):
            if np.isfinite(value):
                panel.text(column, row, f"{value:.0f}", ha="center", va="center", color="w" if value < 70 else "k")
    figure.savefig(path, dpi=80)
