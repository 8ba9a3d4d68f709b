"""`python -m bench engine [--section SECTION,…]`: measures, then rewrites bench/results/engine.md."""

import argparse
import time

from bench.engine import report, sections
from measure.progress import say


def main(arguments: list[str]) -> None:
    """Arguments in, results out."""
    parser = argparse.ArgumentParser(prog="python -m bench engine", description=__doc__)
    parser.add_argument(
        "sections", nargs="*", metavar="SECTION", help=f"any of: {', '.join(sections.NAMES)} (default: all)"
    )
    parser.add_argument(
        "--section",
        action="append",
        default=[],
        metavar="SECTION[,SECTION]",
        help="the same; may be given several times",
    )
    parser.add_argument("--jobs", type=int, default=1, help="streams at a time where nothing is timed (default 1)")
    parser.add_argument("--page", action="store_true", help="measure nothing, only rewrite the page")
    options = parser.parse_args(arguments)
    wanted = [name for given in (*options.sections, *options.section) for name in given.split(",")]
    unknown = set(wanted) - set(sections.NAMES)
    if unknown:
        parser.error(f"no such section: {', '.join(sorted(unknown))}; there are {', '.join(sections.NAMES)}")
    if not options.page:
        run(wanted or list(sections.NAMES), options.jobs)
    say(f"wrote {report.write_page(sections.NAMES)}")


def run(names: list[str], jobs: int) -> None:
    """Measures the sections one after another and keeps each as soon as it is done."""
    for name in names:
        started = time.perf_counter()
        section = sections.measure(name, jobs)
        report.save(section, time.perf_counter() - started)
        say("\n".join([f"\n{section.title}", *report.table(section.columns, section.rows)]))
