"""Latency, cost and losses of the bridges: `python -m bench bridges [SECTION …]` rewrites results/bridges.md.

Everything is the real program: `kwsd-wyoming` and `kwsd-mqtt` as processes, mosquitto, and below $KWSD_RIGS the real
Home Assistant and satellite of ../shared/peers.
"""

import argparse
import os
import re
import time
from collections.abc import Callable
from dataclasses import dataclass

from bench.bridges import clients, faults, mqtt, page, start, steps, wyoming
from measure.paths import RESULTS
from measure.progress import say

PAGE = RESULTS / "bridges.md"
INTRODUCTION = """\
# The bridges

By `python -m bench bridges [SECTION …]` on two cores that others used at the same time; each section says how much. Of
times that others disturb, the least disturbed of several runs is given beside what all runs together had.
"""


@dataclass(frozen=True, slots=True)
class Section:
    """One table of the page."""

    title: str
    lines: Callable[[], list[str]]
    """Measures; what stands below the title."""


SECTIONS = {
    "wyoming": Section("Wyoming: from the deciding sample to the event, and the cost of a stream", wyoming.section),
    "steps": Section("Wyoming: processor time of a step", steps.section),
    "words": Section("Wyoming: from the word's end to the event", wyoming.words_section),
    "start": Section("Wyoming: the start of a stream", start.section),
    "mqtt": Section("MQTT", mqtt.section),
    "page": Section("The page: what open ones cost", page.section),
    "page-memory": Section("The page: what closed ones leave", page.memory_section),
    "clients": Section("The real clients", clients.section),
    "faults": Section("What is lost while something fails", faults.section),
}


def main(arguments: list[str]) -> None:
    """Measure the sections asked for and write each into the page as soon as it is done."""
    parser = argparse.ArgumentParser(
        prog="python -m bench bridges", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    known = f"any of: {', '.join(SECTIONS)} (default: all)"
    parser.add_argument("sections", nargs="*", metavar="SECTION", help=known)
    parser.add_argument("--section", action="append", default=[], metavar="SECTION", help="the same")
    options = parser.parse_args(arguments)
    wanted = options.sections + options.section or list(SECTIONS)
    if unknown := set(wanted) - set(SECTIONS):
        parser.error(f"no such section: {', '.join(sorted(unknown))}; there are {', '.join(SECTIONS)}")
    for name in wanted:
        before = os.getloadavg()[0]
        lines = SECTIONS[name].lines()
        day = time.strftime("%Y-%m-%d", time.gmtime())
        load = f"load {before:.1f} before and {os.getloadavg()[0]:.1f} after"
        taken = f"`python -m bench bridges {name}`, {day}, {load}, nice {os.nice(0)}."
        PAGE.write_text(with_section(read_page(), SECTIONS[name].title, [*lines, "", taken]), encoding="utf-8")
        say("\n".join(lines))


def read_page() -> str:
    """As it stands."""
    return PAGE.read_text(encoding="utf-8") if PAGE.exists() else ""


def with_section(page: str, title: str, lines: list[str]) -> str:
    """The page with this section in place of the one of its title; in the order of `SECTIONS`, without others."""
    parts = re.split(r"^## (.+)\n", page, flags=re.MULTILINE)
    texts = dict(zip(parts[1::2], parts[2::2], strict=True)) | {title: "\n".join(["", *lines, ""])}
    titles = [section.title for section in SECTIONS.values() if section.title in texts]
    return "\n".join([INTRODUCTION, *(f"## {title}\n\n{texts[title].strip()}\n" for title in titles)])
