"""Recall against false alarms per hour: what other limits than the defaults would give."""

from collections.abc import Sequence
from dataclasses import asdict

from bench.engine import hearing
from bench.engine.product import LENIENT, Product
from bench.engine.report import Section
from bench.engine.sections import false_alarms
from bench.engine.selection import WAKEWORDS
from kwsd.search.settings import SearchSettings
from measure import operating, plots, streams
from measure.operating import Heard, Point
from measure.scoring import score

NOISY_DB = 10.0


def measure(jobs: int) -> Section:
    """Sweeps the threshold, then the minimum score, over what one lenient run heard."""
    heard, defaults = lenient(jobs), SearchSettings()
    by_threshold = operating.by_threshold(heard, defaults.min_score, defaults.refractory_s)
    by_min_score = operating.by_min_score(heard, defaults.threshold, defaults.refractory_s)
    plot = plots.operating_curve(curves(by_threshold, by_min_score), stands(jobs), heard.speech_hours)
    return Section(
        "curve",
        f"Operating curve of the three wake words ({heard.speech_hours:.1f} h of speech)",
        ("threshold", "minimum score", "mean recall", f"mean recall, {NOISY_DB:g} dB", "false alarms per hour"),
        [row(point) for point in (*by_threshold, *by_min_score)],
        [
            f"defaults: threshold {defaults.threshold:g}, minimum score {defaults.min_score:g}",
            f"one run at threshold {LENIENT.threshold:g}, minimum score 0; limits and refractory time applied later",
            "so the points are estimates: a weak hit can stand in the way of one that a strict run would have heard",
        ],
        [plot],
        {"by_threshold": [asdict(point) for point in by_threshold], "by_min_score": [asdict(p) for p in by_min_score]},
    )


def lenient(jobs: int) -> Heard:
    """Everything that kwsd can be made to report."""
    engine = Product(WAKEWORDS, LENIENT)
    quiet, noisy = streams.wakewords(), streams.wakewords(NOISY_DB)
    corpora = [streams.corpus(name) for name in streams.corpora()]
    hits = hearing.hear_all(engine, [stream.wav for stream in (quiet, noisy, *corpora)], jobs)
    speech = {stream.wav.stem: hits[stream.wav] for stream in corpora}
    hours = sum(stream.hours for stream in corpora)
    return Heard((quiet, hits[quiet.wav]), (noisy, hits[noisy.wav]), speech, hours)


def row(point: Point) -> list[str]:
    """One operating point."""
    recalls = (f"{point.recall:.3f}", f"{point.noisy_recall:.3f}")
    return [f"{point.threshold:g}", f"{point.min_score:g}", *recalls, f"{point.false_per_hour:.2f}"]


def curves(by_threshold: Sequence[Point], by_min_score: Sequence[Point]) -> dict[str, plots.Points]:
    """What is drawn as lines."""
    return {
        "kwsd by threshold, quiet": [(point.false_per_hour, point.recall) for point in by_threshold],
        f"kwsd by threshold, {NOISY_DB:g} dB": [(point.false_per_hour, point.noisy_recall) for point in by_threshold],
        "kwsd by minimum score, quiet": [(point.false_per_hour, point.recall) for point in by_min_score],
    }


def stands(jobs: int) -> dict[str, tuple[float, float]]:
    """Where each engine stands at its setting, measured and not swept."""
    points: dict[str, tuple[float, float]] = {}
    for engine in false_alarms.engines():
        rate = len(false_alarms.false_alarms(engine, jobs)) / false_alarms.hours_for(engine)
        for name, stream in (("quiet", streams.wakewords()), (f"{NOISY_DB:g} dB", streams.wakewords(NOISY_DB))):
            recall = score(stream.labels, hearing.hear(engine, stream.wav)).recall
            points[f"{engine.title}, {name}"] = rate, recall
    return points
