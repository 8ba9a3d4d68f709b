"""Two commands in alternation, so that whatever else the machine does falls on both."""

from collections.abc import Mapping, Sequence
from statistics import median

from bench.engine.processes import Usage, run
from measure.progress import track


def alternate(commands: Mapping[str, Sequence[str]], rounds: int) -> dict[str, list[Usage]]:
    """Runs every command once per round, in order; a round before that is not counted, for it writes byte code."""
    for command in commands.values():
        run(command)
    order = [name for _ in range(rounds) for name in commands]
    usages: dict[str, list[Usage]] = {name: [] for name in commands}
    for name in track(order, " / ".join(commands)):
        usages[name].append(run(commands[name]))
    return usages


def cpu_s(usages: Sequence[Usage]) -> float:
    """Median processor time."""
    return median(usage.cpu_s for usage in usages)


def ratio(one: Sequence[Usage], other: Sequence[Usage]) -> float:
    """Median over the rounds of the ratio of processor times."""
    return median(first.cpu_s / second.cpu_s for first, second in zip(one, other, strict=True))
