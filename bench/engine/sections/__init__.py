"""The measurements, one per file: each has `measure(jobs) -> Section`."""

from importlib import import_module

from bench.engine.report import Section

NAMES = (
    "golden",
    "offsets",
    "words",
    "wakewords",
    "noise",
    "false-alarms",
    "curve",
    "latency",
    "cpu",
    "streams",
    "sources",
    "compact",
    "stages",
    "quiet",
    "keywords",
    "memory",
    "start",
    "long",
)
"""In the order of the report."""


def measure(name: str, jobs: int) -> Section:
    """Runs one measurement; `jobs` streams at a time where nothing is timed."""
    section: Section = import_module(f"bench.engine.sections.{name.replace('-', '_')}").measure(jobs)
    return section
