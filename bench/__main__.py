"""Measures kwsd: `python -m bench` tells what can be measured here, `python -m bench NAME --help` how."""

import sys
from dataclasses import dataclass
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path

from bench import ROOT, SHARED

UPSTREAM = SHARED / "models" / "zipformer-gigaspeech-kws-3.3m" / "tokens.txt"
INSTALL = "run `scripts/environment test lint bench`"
SHARE = "set KWSD_SHARED to the folder that holds speech/, wakewords/ and models/"
CHECKOUT = "run it in a whole checkout of kwsd"


@dataclass(frozen=True, slots=True)
class Program:
    """Something that measures."""

    module: str
    about: str
    modules: tuple[str, ...]
    """That must be importable, besides what kwsd itself needs."""
    files: tuple[Path, ...]

    def missing(self) -> list[str]:
        """A line for each thing that is not here, with its remedy."""
        lines = [
            f"{name} is not installed: {CHECKOUT if name in {'measure', 'testkit'} else INSTALL}"
            for name in self.modules
            if find_spec(name) is None
        ]
        return lines + [
            f"{path} is not there: {SHARE if SHARED in path.parents else CHECKOUT}"
            for path in self.files
            if not path.exists()
        ]


PROGRAMS = {
    "demo": Program(
        "bench.engine.demo",
        "models/demo.wav through kwsd-en: what is heard of what is said, processor time",
        ("measure",),
        (ROOT / "models" / "demo.wav", ROOT / "models" / "kwsd-en" / "tokens.txt", ROOT / "keywords" / "demo.txt"),
    ),
    "engine": Program(
        "bench.engine.run",
        "search and encoder beside sherpa-onnx: recall, false alarms, latency, cost",
        ("measure", "matplotlib", "sherpa_onnx"),
        (UPSTREAM,),
    ),
    "daemon": Program("bench.daemon.figures", "what the daemon costs", ("measure", "testkit", "psutil"), (UPSTREAM,)),
    "fuzz": Program(
        "bench.fuzz.run",
        "10,000 spoilt inputs for every border: files, variables, arguments, lines of the socket",
        ("measure", "testkit"),
        (ROOT / "models" / "kwsd-en" / "tokens.txt",),
    ),
    "memory": Program(
        "bench.daemon.memory", "its memory after thousands of one thing", ("measure", "testkit", "psutil", "onnx"), ()
    ),
    "soak": Program(
        "bench.daemon.soak", "hours of it with everything going wrong", ("measure", "testkit", "psutil", "onnx"), ()
    ),
    "bridges": Program(
        "bench.bridges.report",
        "latency and cost of the bridges, and what is lost while something fails",
        ("measure", "testkit", "psutil", "wyoming", "aiomqtt"),
        (SHARED / "wakewords" / "manifest.tsv",),
    ),
    "enrol": Program(
        "bench.enrolment.report",
        "words enrolled from three takes: recall and false alarms before and after",
        ("measure",),
        (SHARED / "speech" / "manifest.tsv",),
    ),
    "orders": Program(
        "bench.orders.report",
        "whole sentences: slots and orders right, other speech taken for one, cost",
        ("measure", "hassil"),
        (UPSTREAM, SHARED / "speech" / "manifest.tsv", SHARED / "speech_commands" / "test_a" / "manifest.tsv"),
    ),
    "order-sound": Program(
        "bench.orders.ends",
        "orders behind wake words: handed over whole, how soon, and never cut",
        ("measure",),
        (SHARED / "speech" / "manifest.tsv", SHARED / "wakewords" / "manifest.tsv", SHARED / "noise" / "manifest.tsv"),
    ),
    "archive": Program(
        "bench.archive.report",
        "an archive: index, search for 20 and 10,000 phrases, store, memory, two workers",
        ("measure", "testkit", "psutil", "distributed", "fsspec", "pyarrow"),
        (SHARED / "speech" / "manifest.tsv",),
    ),
    "transcripts": Program(
        "bench.transcripts.report",
        "speech as text: word errors and cost of those who transcribe",
        ("measure", "jiwer", "psutil"),
        (UPSTREAM, SHARED / "speech" / "manifest.tsv"),
    ),
    "commands12": Program(
        "bench.commands12.run", "the fixed ten words: accuracy, noise, streams", ("measure", "psutil"), ()
    ),
}


def overview() -> str:
    """What there is, which of it runs here, and a line for each thing that the others lack."""
    lines, lacking = [__doc__ or "", ""], dict[str, list[str]]()
    for name, program in PROGRAMS.items():
        missing = program.missing()
        lines.append(f"  {name:<11} {program.about}{' (not here)' if missing else ''}")
        for line in missing:
            lacking.setdefault(line, []).append(name)
    if lacking:
        lines += ["", "What is not here, and what wants it:"]
        lines += [f"  {', '.join(names)}: {line}" for line, names in lacking.items()]
    return "\n".join(lines)


def main(arguments: list[str]) -> int:
    """Run the program that is named, or tell which there are; gives the exit status."""
    if not arguments or arguments[0] in {"-h", "--help"}:
        print(overview())
        return 0
    name, *rest = arguments
    program = PROGRAMS.get(name)
    if program is None:
        print(f"bench: there is no {name}; there are {', '.join(PROGRAMS)}", file=sys.stderr)
        return 2
    if missing := program.missing():
        print("\n".join(f"bench {name}: {line}" for line in missing), file=sys.stderr)
        return 1
    return int(import_module(program.module).main(rest) or 0)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
