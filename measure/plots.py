"""The two pictures of the report."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from measure.paths import RESULTS

SIZE_INCHES = (7.5, 4.5)
DOTS_PER_INCH = 120
BIN_S = 0.02

Points = Sequence[tuple[float, float]]
"""False alarms per hour and recall of each operating point."""


def operating_curve(curves: Mapping[str, Points], points: Mapping[str, tuple[float, float]], hours: float) -> str:
    """Recall against false alarms per hour, on a logarithmic axis whose left end stands for none at all."""
    figure, axes = canvas()
    least = 0.5 / hours  # where none was heard
    for name, curve in curves.items():
        axes.plot([max(rate, least) for rate, _ in curve], [recall for _, recall in curve], marker=".", label=name)
    for name, (rate, recall) in points.items():
        axes.plot([max(rate, least)], [recall], linestyle="", marker="D" if "sherpa" in name else "*", ms=9, label=name)
    axes.set_xscale("log")
    axes.set_xlabel(f"false alarms per hour of speech, three words together (left end: none in {hours:.1f} h)")
    axes.set_ylabel("mean recall")
    axes.grid(alpha=0.3)
    axes.legend(fontsize=7)
    return save(figure, "operating-curve.png")


def latency_histogram(delays_s: Mapping[str, Sequence[float]]) -> str:
    """How long after the end of the word each report came."""
    figure, axes = canvas()
    top = max(max(delays) for delays in delays_s.values())
    bottom = min(min(delays) for delays in delays_s.values())
    edges = [bottom + BIN_S * number for number in range(int((top - bottom) / BIN_S) + 2)]
    for name, delays in delays_s.items():
        axes.hist(delays, bins=edges, alpha=0.5, label=name)
    axes.set_xlabel("end of the word → detection (s of audio)")
    axes.set_ylabel("clips")
    axes.legend()
    return save(figure, "latency.png")


def canvas() -> tuple[Any, Any]:
    """An empty figure and its axes; drawn without a display."""
    import matplotlib as mpl  # noqa: PLC0415 - heavy, and absent where only the tests run

    mpl.use("Agg")
    from matplotlib import pyplot as plt  # noqa: PLC0415 - after the backend is chosen

    figure, axes = plt.subplots(figsize=SIZE_INCHES, layout="constrained")
    return figure, axes


def save(figure: Any, name: str) -> str:
    """Writes the picture; returns its name, as the page links it."""
    RESULTS.mkdir(parents=True, exist_ok=True)
    path: Path = RESULTS / name
    figure.savefig(path, dpi=DOTS_PER_INCH)
    return path.name
