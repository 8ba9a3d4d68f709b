"""What `bench.daemon.soak` measured, as a page."""

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

SETTLES_S = 300.0  # memory is judged from here on: by then every keyword was heard and every cache is warm

Sample = Mapping[str, float]


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """All that the page tells."""

    minutes: float
    model: str
    said: int
    lost: int
    extra: int
    interrupted: int
    failures: Sequence[str]
    faults: Mapping[str, int]
    events: Mapping[str, int]
    samples: Sequence[Sample]
    fed_s: Sequence[float]
    """When the watchdog was fed."""
    hangs_s: Sequence[tuple[float, float]]
    """When the microphone hung."""
    watchdog_s: float
    exit_code: int
    log_lines: int


def page(title: str, outcome: Outcome) -> str:
    """Markdown."""
    table = "\n".join(f"| {name} | {value} |" for name, value in rows(outcome))
    return f"# Soak\n\n{title.strip()}\n\n| | |\n|---|---|\n{table}\n"


def rows(outcome: Outcome) -> list[tuple[str, str]]:
    """Name and value of every row."""
    o = outcome
    fed = f"{len(o.fed_s)} times / {longest_gap_s(o):.1f} s of {o.watchdog_s:.0f} s"
    return [
        ("length", f"{o.minutes:.1f} min, model {o.model}"),
        ("phrases said / heard / **lost**", f"{o.said} / {o.said - o.lost} / **{o.lost}**"),
        ("heard but not said", str(o.extra)),
        ("cut off by pulling the microphone out (not counted)", str(o.interrupted)),
        ("faults", counted(o.faults)),
        ("faults not recovered from in time", "; ".join(o.failures) or "none"),
        ("events", counted(o.events)),
        *resource_rows(o.samples),
        ("watchdog fed / longest gap while it should be", fed),
        ("exit code on SIGTERM", str(o.exit_code)),
        ("lines in its log", str(o.log_lines)),
    ]


def resource_rows(samples: Sequence[Sample]) -> list[tuple[str, str]]:
    """Memory, descriptors, threads, processor."""
    first, last = samples[0], samples[-1]
    middle = settled(samples)[0]
    pss = [f"{sample['pss_mb']:.1f}" for sample in (first, middle, last)]
    descriptors = (first["descriptors"], max(s["descriptors"] for s in samples), last["descriptors"])
    return [
        ("PSS at start / settled / end", f"{' / '.join(pss)} MB"),
        *slope_rows(samples),
        ("file descriptors, start / most / end", " / ".join(f"{n:.0f}" for n in descriptors)),
        ("threads, most", f"{max(s['threads'] for s in samples):.0f}"),
        ("processor, all of it", f"{100 * last['cpu_s'] / last['seconds']:.1f} % of one core"),
    ]


def slope_rows(samples: Sequence[Sample]) -> list[tuple[str, str]]:
    """Of each kind of memory: after settling, and of the second half alone."""
    late = samples[len(samples) // 2 :]
    return [
        (
            f"slope of {name}, least squares: **after {SETTLES_S / 60:.0f} min** / of the second half",
            f"**{slope_mb_per_h(settled(samples), key):+.2f}** / {slope_mb_per_h(late, key):+.2f} MB/h",
        )
        for name, key in (("USS", "uss_mb"), ("PSS", "pss_mb"), ("anonymous memory", "anonymous_mb"))
    ]


def counted(counts: Mapping[str, int]) -> str:
    """Such as `mute 3, pull_out 2`."""
    return ", ".join(f"{name} {n}" for name, n in sorted(counts.items()))


def settled(samples: Sequence[Sample]) -> list[Sample]:
    """Those after the first minutes; of a short run, the last two thirds."""
    return [sample for sample in samples if sample["seconds"] >= min(SETTLES_S, samples[-1]["seconds"] / 3)]


def slope_mb_per_h(samples: Sequence[Sample], key: str) -> float:
    """Least squares through all of them."""
    hours = [sample["seconds"] / 3600 for sample in samples]
    return float(np.polyfit(hours, [sample[key] for sample in samples], 1)[0])


def longest_gap_s(outcome: Outcome) -> float:
    """Between two feeds of the watchdog, while the microphone did not hang."""
    return max(
        late - early
        for early, late in itertools.pairwise(outcome.fed_s)
        if not any(began < late and early < ended for began, ended in outcome.hangs_s)
    )
