"""Curves as a picture. The only importer of matplotlib here; it comes with the extra `tune`."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from kwsd.tuning.curves import Curve

SIZE_INCHES, DOTS_PER_INCH = (8.0, 5.0), 120


def draw_curves(path: Path, curves: Sequence[Curve]) -> None:
    """Recall against false alarms per hour of every keyword, with the point in force and the proposed one.

    The left end of the axis stands for none in all the hours there are. Raises OSError: it cannot be written.
    """
    import matplotlib as mpl  # noqa: PLC0415 - heavy, and of an extra

    mpl.use("Agg")
    from matplotlib import pyplot as plt  # noqa: PLC0415 - after the backend is chosen

    figure, axes = plt.subplots(figsize=SIZE_INCHES, layout="constrained")
    none_at_all = 0.5 / max(curve.hours for curve in curves) if any(curve.hours for curve in curves) else 0.1
    for number, curve in enumerate(curves):
        colour = f"C{number % 10}"
        rates = [max(point.false_per_hour, none_at_all) for point in curve.points]
        axes.plot(rates, [p.recall for p in curve.points], color=colour, label=f"{curve.keyword} ({curve.recordings})")
        lows, highs = [p.recall_low for p in curve.points], [p.recall_high for p in curve.points]
        axes.fill_between(rates, lows, highs, color=colour, alpha=0.12, linewidth=0)
        for point, marker in ((curve.now, "o"), (curve.proposed, "*")):
            axes.plot(max(point.false_per_hour, none_at_all), point.recall, marker, color=colour, markersize=10)
    axes.plot([], [], "ko", label="now")
    axes.plot([], [], "k*", label="proposed")
    axes.set_xscale("log")
    axes.set_ylim(-0.02, 1.02)
    axes.set_xlabel(f"false alarms per hour (left end: none in {curves[0].hours:.2g} h)")
    axes.set_ylabel("recall, with its 95 % interval")
    axes.grid(alpha=0.3)
    axes.legend(fontsize=8, loc="lower right")
    part = path.with_name(f".{path.name}.part")
    figure.savefig(part, dpi=DOTS_PER_INCH, format="png")
    plt.close(figure)
    part.replace(path)
