"""`python -m bench.commands12`: the fixed command set in a stream, against what issue 4 demands.

Recall on words with gaps and false alarms on running speech are those of the `CommandSpotter` as the daemon runs it,
with the thresholds that are shipped. Costs are measured beside the open-vocabulary engine on the same sound.
"""

import argparse
import resource
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import get_args

import numpy as np
import psutil
from numpy.typing import NDArray

import kwsd
from bench.paths import SHARED
from bench.progress import track
from kwsd.events import Detection
from kwsd.fallback.bundle import find_model
from kwsd.fallback.settings import EngineName
from kwsd.fallback.spotter import CommandSpotter
from kwsd.timebase import SAMPLE_RATE
from training.commands12.labels import WORDS
from training.commands12.streams import Hit, Outcome, Stream, running_speech, score, words_with_gaps

RESULT = Path(__file__).parent / "results" / "commands12.md"
ZIPFORMER = SHARED / "models" / "zipformer-gigaspeech-kws-3.3m"
BLOCK_SAMPLES = 5120
COST_S = 60.0

Feed = Callable[[NDArray[np.float32]], list[Detection]]


@dataclass(frozen=True)
class Row:
    """One engine in a stream."""

    engine: str
    words: Outcome
    speech: Outcome
    latency_ms: float
    """Median from the end of the word to its report."""


@dataclass(frozen=True)
class Cost:
    """Of one engine alone."""

    engine: str
    cpu_ms: float
    """Per second of sound, one thread."""
    memory_mb: float
    """Resident memory that making it and running it added."""


def heard_by(spotter: CommandSpotter, stream: Stream, what: str) -> list[Detection]:
    """Everything reported of a stream, fed in blocks of 320 ms."""
    hits = [hit for read in track(stream.parts, what) for hit in feed(spotter.accept, read())]
    return hits + spotter.finish()


def feed(accept: Feed, sound: NDArray[np.float32]) -> list[Detection]:
    """One sound in blocks."""
    pieces = (sound[start : start + BLOCK_SAMPLES] for start in range(0, len(sound), BLOCK_SAMPLES))
    return [hit for piece in pieces for hit in accept(piece)]


def measure(engine: EngineName, words: Stream, speech: Stream) -> Row:
    """Recall and false alarms of one engine."""
    spotter = CommandSpotter(find_model(engine))
    in_words = heard_by(spotter, words, f"{engine}: words")
    spotter.reset()
    in_speech = heard_by(spotter, speech, f"{engine}: speech")
    return Row(
        engine,
        score(words, [Hit(hit.phrase, hit.start, hit.end) for hit in in_words]),
        score(speech, [Hit(hit.phrase, hit.start, hit.end) for hit in in_speech]),
        float(np.median([hit.latency_ms for hit in in_words])) if in_words else float("nan"),
    )


def costs(words: Stream) -> list[Cost]:
    """CPU and memory: the open vocabulary first, then what each fixed engine adds to it."""
    sound = np.concatenate([read() for read in words.parts[:80]])[: int(COST_S * SAMPLE_RATE)]
    alive: list[kwsd.Spotter] = []  # it stays while the others are measured, as it does beside them

    def open_vocabulary() -> Feed:
        alive.append(kwsd.Spotter(kwsd.Model.load(ZIPFORMER), [kwsd.Keyword(word.upper()) for word in WORDS]))
        return alive[0].accept

    found = [cost("zipformer", open_vocabulary, sound)] if ZIPFORMER.is_dir() else []
    return found + [cost(name, partial(fixed_set, name), sound) for name in engines()]


def fixed_set(engine: EngineName) -> Feed:
    """A fresh engine of the fixed set."""
    return CommandSpotter(find_model(engine)).accept


def cost(name: str, make: Callable[[], Feed], sound: NDArray[np.float32]) -> Cost:
    """Make an engine, run it, and see what that took."""
    before = psutil.Process().memory_info().rss
    accept = make()
    feed(accept, sound[: 10 * SAMPLE_RATE])
    grown = psutil.Process().memory_info().rss - before
    began = cpu_seconds()
    feed(accept, sound)
    spent = cpu_seconds() - began
    return Cost(name, 1000 * spent / (len(sound) / SAMPLE_RATE), grown / 1e6)


def cpu_seconds() -> float:
    """Of this process, all threads."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def engines() -> tuple[EngineName, ...]:
    """Both."""
    return get_args(EngineName)


def report(rows: list[Row], prices: list[Cost]) -> str:
    """The result as Markdown."""
    lines = [
        "# The fixed command set in a stream",
        "",
        f"Written by `python -m bench.commands12` on {time.strftime('%Y-%m-%d')}. Words: half A of the official test",
        "audio, in random order, gaps of 0.5 to 1.5 s. Speech: transcribed utterances of the dev split of",
        "`../shared/speech`, whose speakers no training has heard; a word that the transcript has is no false alarm.",
        "",
        "| engine | words | recall | wrong word | repeated | speech, h | false/h, mean | worst word | latency, ms |",
        "|---|---|---|---|---|---|---|---|---|",
        *map(stream_line, rows),
        "",
        "False alarms per hour of speech, by word:",
        "",
        "| engine | " + " | ".join(WORDS) + " |",
        "|---|" + "---|" * len(WORDS),
        *(
            f"| {row.engine} | " + " | ".join(f"{row.speech.false_per_hour(word):.1f}" for word in WORDS) + " |"
            for row in rows
        ),
        "",
        "Required: recall at least 0.90 at no more than 1 false alarm per hour and class.",
        "",
        "| engine | CPU, ms per s of sound | of the zipformer path | memory added, MB |",
        "|---|---|---|---|",
        *(price_line(each, prices[0]) for each in prices),
        "",
        "Required: DS-CNN at most 0.5, NC-SSM at most 0.1 of the zipformer path; at most 6 MB.",
    ]
    return "\n".join(lines) + "\n"


def stream_line(row: Row) -> str:
    """One engine."""
    rates = [row.speech.false_per_hour(word) for word in WORDS]
    cells = [
        row.engine,
        str(sum(row.words.said.values())),
        f"{row.words.recall:.3f}",
        str(sum(row.words.false.values())),
        str(row.words.repeated),
        f"{row.speech.hours:.2f}",
        f"{np.mean(rates):.2f}",
        f"{max(rates):.1f}",
        f"{row.latency_ms:.0f}",
    ]
    return "| " + " | ".join(cells) + " |"


def price_line(price: Cost, first: Cost) -> str:
    """One engine."""
    return f"| {price.engine} | {price.cpu_ms:.2f} | {price.cpu_ms / first.cpu_ms:.2f} | {price.memory_mb:.1f} |"


def shortened(stream: Stream, pieces: int | None) -> Stream:
    """The first pieces of a stream."""
    return stream if pieces is None else Stream(stream.parts[: 2 * pieces], stream.pieces[:pieces])


def main() -> None:
    """Measure everything and write the result."""
    parser = argparse.ArgumentParser(prog="python -m bench.commands12", description=__doc__)
    parser.add_argument("--words", type=int, help="only the first so many words")
    parser.add_argument("--hours", type=float, default=2.0, help="of running speech (default: %(default)s)")
    args = parser.parse_args()
    words = shortened(words_with_gaps(SHARED), args.words)
    prices = costs(words)
    speech = running_speech(SHARED, "dev", args.hours)
    rows = [measure(engine, words, speech) for engine in engines()]
    RESULT.parent.mkdir(exist_ok=True)
    RESULT.write_text(report(rows, prices), encoding="utf-8")
    print(RESULT.read_text(encoding="utf-8"))


if __name__ == "__main__":
    main()
