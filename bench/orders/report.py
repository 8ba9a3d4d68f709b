"""`python -m bench orders`: slots and orders right, false acceptances, and cost, for each model → orders.md."""

import argparse
import time
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from bench.orders import material
from bench.orders.one_by_one import spotted
from kwsd.acoustic.model import Model
from kwsd.intents import Intent
from kwsd.sentences.compile import compile_sentences
from kwsd.sentences.files import read_sentence_file
from kwsd.sentences.settings import SentenceSettings
from kwsd.spotters.sentences import SentenceSpotter
from kwsd.stream import Chunk
from measure.paths import MODEL, RESULTS, ROOT, WORK
from measure.wav import RATE, Samples

HEADER = """\
# Orders

`python -m bench orders`, of every Nth order and recording with `--every N`, of other speech with `--other N`. Slots and
orders right are of what was accepted; a rejected order has neither. Material: words of Speech Commands (test speakers)
joined, each said by somebody else, and read phrases of three to nine words, two words of each a slot of ten values: of
Common Voice, and of people who learn English (speechocean762, half of them children), dev speakers both. All templates
are armed at once. Other speech: LibriSpeech dev speakers, 8 s at a time, into which every sentence may be heard. Cost
is processor time per second of sound, encoder and features included, at this machine's load. *One by one*: slots right
where each slot's values are keywords instead, searched apart, and the best of them counts.

| model | orders | slots right | orders right | one by one | false acceptances, hours | ms per s of sound |
|---|---|---|---|---|---|---|
"""


@dataclass(slots=True)
class Tally:
    """Of one kind of order."""

    orders: int = 0
    right: int = 0
    slots: int = 0
    slots_right: int = 0

    def row(self) -> str:
        """Slots and orders right."""
        return f"{self.slots_right / self.slots:.3f} | {self.right / self.orders:.3f}"


def heard(spotter: SentenceSpotter, samples: Samples) -> list[Intent]:
    """Intents of one recording, rejected ones left out."""
    spotter.reset()
    events = [*spotter.push(Chunk(0, samples, "")), *spotter.finish()]
    return [event for event in events if isinstance(event, Intent) and not event.rejected]


def score(spotter: SentenceSpotter, orders: Iterable[material.Order]) -> tuple[dict[str, Tally], float]:
    """By kind; and the seconds of sound."""
    tallies: dict[str, Tally] = {}
    length_s = 0.0
    for order in orders:
        tally = tallies.setdefault(order.kind, Tally())
        length_s += len(order.samples) / RATE
        intents = [intent for intent in heard(spotter, order.samples) if intent.intent == order.intent]
        values = {slot.name: slot.value for intent in intents for slot in intent.slots}
        right = sum(values.get(name) == value for name, value in order.slots.items())
        tally.orders += 1
        tally.slots += len(order.slots)
        tally.slots_right += right
        tally.right += right == len(order.slots)
    return tallies, length_s


def main(arguments: list[str]) -> None:
    """Measure every model that is here, and write the table."""
    parser = argparse.ArgumentParser(prog="python -m bench orders", description=__doc__)
    parser.add_argument("--every", type=int, default=1, metavar="N", help="only every Nth order and recording")
    parser.add_argument("--other", type=int, metavar="N", help="of other speech every Nth (default: as --every)")
    parser.add_argument("--model", type=Path, action="append", metavar="DIR", help="once for each (default: both)")
    asked = parser.parse_args(arguments)
    every, others = asked.every, asked.other or asked.every
    path = WORK / "orders" / "sentences.yaml"
    orders = material.make(path)[::every]
    rows = []
    for directory in asked.model or (MODEL, ROOT / "models" / "kwsd-en"):
        new = rows_of(directory, path, orders, others)
        print("\n".join(new), flush=True)
        rows += new
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / "orders.md").write_text(HEADER + "\n".join(rows) + "\n", encoding="utf-8")


def rows_of(directory: Path, path: Path, orders: list[material.Order], every: int) -> list[str]:
    """Of one model."""
    model = Model.load(directory)
    compiled = compile_sentences(read_sentence_file(path), model.tokenizer, model.description.language)
    spotter = SentenceSpotter(model, (), sentences=compiled, intents=SentenceSettings())
    began_s = time.process_time()
    tallies, length_s = score(spotter, orders)
    wrong, other_s = 0, 0.0
    for samples in material.other_speech(every):
        other_s += len(samples) / RATE
        wrong += len(heard(spotter, samples))
    cost = 1000 * (time.process_time() - began_s) / (length_s + other_s)
    alone = spotted(model, orders)
    return [
        f"| {model.name} | {tally.orders} {kind} | {tally.row()} | {alone[kind] / tally.slots:.3f} "
        f"| {wrong} in {other_s / 3600:.2f} h | {cost:.1f} |"
        for kind, tally in sorted(tallies.items())
    ]
