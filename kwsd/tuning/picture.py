"""Curves as a picture. The only importer of matplotlib here; it comes with the extra `tune`."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from kwsd.small_files import written_whole
from kwsd.tuning.curves import Curve

SIZE_INCHES, DOTS_PER_INCH = (10.0, 4.5), 110


def draw_curves(path: Path, curves: Sequence[Curve]) -> None:
    """Recall against false alarms per hour of every keyword, with the point in force and the proposed one.

    The left end of the axis stands for none in all the hours there are. Raises OSError: it cannot be written.
    """
    import matplotlib as mpl  # noqa: PLC0415 - heavy, and of an extra

    mpl.use("Agg")
    from matplotlib import pyplot as plt  # noqa: PLC0415 - after the backend is chosen

    figure, (left, right) = plt.subplots(1, 2, figsize=SIZE_INCHES, layout="constrained", sharey=True)
    none_at_all = 0.5 / max(curve.hours for curve in curves) if any(curve.hours for curve in curves) else 0.1
    for number, curve in enumerate(curves):
        colour = f"C{number % 10}"
        recalls = [point.recall for point in curve.points]
        lows, highs = [p.recall_low for p in curve.points], [p.recall_high for p in curve.points]
        rates = [max(point.false_per_hour, none_at_all) for point in curve.points]
        thresholds = [point.threshold for point in curve.points]
        left.plot(rates, recalls, color=colour, marker=".", markersize=3)
        right.plot(thresholds, recalls, color=colour, label=f"{curve.keyword} ({curve.recordings})")
        right.fill_between(thresholds, lows, highs, color=colour, alpha=0.12, linewidth=0)
        for point, marker, size in ((curve.now, "o", 12), (curve.proposed, "*", 9)):
            style = {"color": colour, "markersize": size, "markeredgecolor": "white"}
            left.plot(max(point.false_per_hour, none_at_all), point.recall, marker, **style)
            right.plot(point.threshold, point.recall, marker, **style)
    right.plot([], [], "ko", label="now")
    right.plot([], [], "k*", label="proposed")
    left.set_xscale("log")
    left.set_ylim(-0.02, 1.02)
    left.set_xlabel(f"false alarms per hour (left end: none in {curves[0].hours:.2g} h)")
    left.set_ylabel("recall")
    right.set_xlabel("threshold, recall with its 95 % interval")
    right.legend(fontsize=8, loc="lower left")
    for axes in (left, right):
        axes.grid(alpha=0.3)
    try:
        with written_whole(path) as part:
            figure.savefig(part, dpi=DOTS_PER_INCH, format="png")
    finally:
        plt.close(figure)
