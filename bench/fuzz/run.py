"""`python -m bench fuzz`: 10,000 spoilt inputs for every border; none may crash, hang, or be answered with a flood."""

import argparse
import logging
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from bench.fuzz.borders import BORDERS, Border
from bench.fuzz.spoil import spoilt
from measure.progress import track

CASES = 10_000
LONGEST_S = 2.0
LONGEST_MESSAGE = 20_000
"""Characters: ten problems of a list, each of one line that may be long."""


@dataclass(slots=True)
class Outcome:
    """What came of all cases of a border."""

    taken: int = 0
    refused: int = 0
    slowest_s: float = 0.0
    failures: list[str] = field(default_factory=list)


def tried(border: Border, numbers: Sequence[int], *, title: str = "") -> Outcome:
    """Every case of these numbers."""
    outcome, seeds = Outcome(), border.seeds()
    logging.disable()  # what is said of each is not looked at
    with tempfile.TemporaryDirectory() as place:
        for number in track(numbers, title or border.name):
            began_s = time.thread_time()
            try:
                border.enter(spoilt(seeds, number, border.name, border.most_bytes), Path(place))
                outcome.taken += 1
            except border.refuses_with as refusal:
                outcome.refused += 1
                if len(str(refusal)) > LONGEST_MESSAGE:
                    outcome.failures.append(f"{border.name} {number}: a message of {len(str(refusal))} characters")
            except argparse.ArgumentTypeError:
                outcome.refused += 1
            except BaseException as error:
                if isinstance(error, KeyboardInterrupt):
                    raise
                outcome.failures.append(f"{border.name} {number}: {type(error).__name__}: {str(error)[:200]}")
            used_s = time.thread_time() - began_s
            outcome.slowest_s = max(outcome.slowest_s, used_s)
            if used_s > LONGEST_S:
                outcome.failures.append(f"{border.name} {number}: took {used_s:.1f} s")
    logging.disable(logging.NOTSET)
    return outcome


def main(arguments: list[str]) -> None:
    """Try all borders, or those that are named; ends with 1 where something failed."""
    parser = argparse.ArgumentParser(prog="python -m bench fuzz", description=__doc__)
    parser.add_argument("--cases", type=int, default=CASES, metavar="N", help="for each border (default: %(default)s)")
    parser.add_argument("--first", type=int, default=0, metavar="N", help="number of the first; another tries others")
    parser.add_argument("--border", nargs="+", metavar="NAME", help=f"only: {', '.join(each.name for each in BORDERS)}")
    asked = parser.parse_args(arguments)
    print("| border | taken | refused | slowest | failed |\n|---|---|---|---|---|")
    failures: list[str] = []
    for border in BORDERS:
        if asked.border and border.name not in asked.border:
            continue
        found = tried(border, range(asked.first, asked.first + asked.cases))
        failures += found.failures
        told = (border.name, found.taken, found.refused, f"{1000 * found.slowest_s:.0f} ms", len(found.failures))
        print(f"| {' | '.join(map(str, told))} |", flush=True)
    if failures:
        print("\n".join(failures[:50]))
        raise SystemExit(1)
