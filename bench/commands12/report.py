"""`python -m bench commands12 --streams`: the fixed command set in a stream.

Recall on words with gaps and false alarms on running speech are those of the `FixedSpotter` as the daemon runs it,
with the thresholds that are shipped. Costs are measured beside the open-vocabulary engine on the same sound. What was
measured of a model stays in bench/.work, so that a run that was stopped goes on.
"""

import time
from collections.abc import Mapping, Sequence
from pathlib import Path

import kwsd
from bench.commands12.arbitration import HEARD_BY, Shares, arbitrate
from bench.commands12.costs import Cost, costs
from bench.commands12.hearing import Heard, engines, heard, streams
from kwsd.commands12.model import FixedModel, bundle_directory, find_model, read_bundle
from kwsd.tuning.hear import most_per_hour
from measure.command_streams import Outcome, Stream
from measure.commands import WORDS
from measure.paths import RESULTS, ROOT

ARBITRATED = 400
RESULT = RESULTS / "commands12.md"
SPEECH = {
    "dev": "dev: no training has heard these speakers; what tells a command from a word of a sentence was weighed here",
    "apart": "apart: no part of training may hear it; the words are those that two recognisers agree on",
}

Results = Mapping[str, Heard]
"""By name of the stream."""
Found = tuple[FixedModel, Results]

COSTS = """\
What each costs. CPU: the least of six passes over 30 s of words with gaps, one thread; ds-cnn runs in NumPy every
0.16 s, nc-ssm for every frame, 48 at a time
([frame by frame is the same](../../tests/training/test_commands12_models.py)); the other network's opinion of the words
is in it. Memory (VmHWM, once a word has been told) and processor time to READY: of a `kwsd` on a pipe with that engine
alone, `--fallback only` for the last two; the largest and the least of five. Zipformer: kwsd-en with the ten words.
Required: ds-cnn alone at most 60 MB (57.2 MiB), ready after 0.35 s. At most 0.5 and 0.1 of the zipformer path, as was
once wanted, neither costs any more: that path takes a third of what it did, and ds-cnn left onnxruntime for the sake of
memory and start ([decision 0025](../../docs/decisions/0025-ds-cnn-in-numpy.md))."""


def together(results: Results) -> Outcome:
    """All speech as one."""
    parts = [results[name].outcome for name in SPEECH]
    false = {word: sum(part.false[word] for part in parts) for word in WORDS}
    return Outcome({}, {}, false, 0, sum(part.hours for part in parts))


def report(found: Sequence[Found], prices: list[Cost]) -> str:
    """The result as Markdown."""
    lines = [
        "# The fixed command set in a stream",
        "",
        f"Written by `python -m bench commands12 --streams` on {time.strftime('%Y-%m-%d')}. Words: half A of the",
        "official test audio, in random order, gaps of 1 to 4 s. Others: 530 words and phrases that are none of",
        "the ten, said alone likewise. Speech: sentences; a word that the transcript has is no false alarm.",
        "",
        *tables(found),
        "",
        *(f"- {note}." for note in SPEECH.values()),
        "",
        "Wanted: recall at least 0.93 at no more than 0.2 false alarms per hour in all.",
        "",
        COSTS,
        "",
        "| engine | CPU, ms per s of sound | of the zipformer path | bytes of the network | peak, MiB | READY, CPU s |",
        "|---|---|---|---|---|---|",
        *(price_line(each, prices[0]) for each in prices),
    ]
    return "\n".join(lines) + "\n"


def tables(found: Sequence[Found]) -> list[str]:
    """What each model hears: commands and other words that are said alone, then speech."""
    return [
        "| engine | model | words | recall | wrong word | repeated | latency, ms | of 530 others taken for a command |",
        "|---|---|---|---|---|---|---|---|",
        *(words_line(model, results["words"], results["others"]) for model, results in found),
        "",
        "False alarms per hour of speech:",
        "",
        "| engine | speech | hours | in all, at most (Poisson, 95 %) | mean | " + " | ".join(WORDS) + " |",
        "|---|---|---|---|---|" + "---|" * len(WORDS),
        *(line for model, results in found for line in speech_lines(model.engine, results)),
    ]


def arbitration(found: list[Shares]) -> str:
    """Who hears what when both listen."""
    lines = [
        "",
        f"Beside the open vocabulary (`--fallback alongside`, kwsd-en), the first {ARBITRATED} words of the stream:",
        "",
        "| engine | said | " + " | ".join(HEARD_BY) + " | told twice | wrong words |",
        "|---|---|" + "---|" * (len(HEARD_BY) + 2),
        *(
            f"| {each.engine} | {each.said} | "
            + " | ".join(str(each.heard_by[who]) for who in HEARD_BY)
            + f" | {each.told_twice} | {each.wrong} |"
            for each in found
        ),
    ]
    return "\n".join(lines) + "\n"


def words_line(model: FixedModel, words: Heard, others: Heard) -> str:
    """One engine on words with gaps."""
    outcome = words.outcome
    cells = [
        model.engine,
        model.name,
        str(sum(outcome.said.values())),
        f"{outcome.recall:.3f}",
        str(sum(outcome.false.values())),
        str(outcome.repeated),
        f"{words.latency_ms:.0f}",
        str(sum(others.outcome.false.values())),
    ]
    return "| " + " | ".join(cells) + " |"


def speech_lines(engine: str, results: Results) -> list[str]:
    """One engine on each part of the speech, and on all of it."""
    parts = {name: results[name].outcome for name in SPEECH} | {"**all**": together(results)}
    return [speech_line(engine, name, outcome) for name, outcome in parts.items()]


def speech_line(engine: str, name: str, outcome: Outcome) -> str:
    """One engine on one part."""
    rates = [outcome.false_per_hour(word) for word in WORDS]
    count = sum(outcome.false.values())
    in_all = f"{count / outcome.hours:.2f}, {most_per_hour(count, outcome.hours):.2f}"
    mean = f"{sum(rates) / len(rates):.2f}"
    cells = [engine, name, f"{outcome.hours:.2f}", in_all, mean, *(f"{rate:.2f}" for rate in rates)]
    return "| " + " | ".join(cells) + " |"


def price_line(price: Cost, first: Cost) -> str:
    """One engine."""
    cells = [
        price.engine,
        f"{price.cpu_ms:.2f}",
        f"{price.cpu_ms / first.cpu_ms:.2f}",
        f"{price.model_bytes:,}",
        f"{price.peak_mb:.1f}",
        f"{price.ready_s:.2f}",
    ]
    return "| " + " | ".join(cells) + " |"


def write(shared: Path) -> None:
    """Measure everything and write the result."""
    sounds = streams(shared)
    found = [measured(find_model(engine), sounds) for engine in engines()]
    words = sounds["words"]
    some = Stream(words.parts[: 2 * ARBITRATED], words.pieces[:ARBITRATED])
    model = kwsd.Model.load(ROOT / "models" / "kwsd-en")
    beside = arbitration([arbitrate(engine, model, some) for engine in engines()])
    RESULT.write_text(report(found, costs(words)) + beside, encoding="utf-8")
    print(RESULT.read_text(encoding="utf-8"))


def show(shared: Path, name: str) -> None:
    """Measure the streams with one model and print them; the result, which is of those that run by default, stays."""
    model = read_bundle(bundle_directory())[name]
    print("\n".join(tables([measured(model, streams(shared))])))


def measured(model: FixedModel, sounds: Mapping[str, Stream]) -> Found:
    """A model on every stream."""
    return model, {name: heard(model, name, stream) for name, stream in sounds.items()}
