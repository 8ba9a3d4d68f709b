"""`python -m bench order-sound`: whether orders are handed over whole, how soon, and never cut → order-sound.md."""

import argparse
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from bench.orders.spoken import SpokenOrder, spoken_orders
from kwsd.acoustic.model import Model
from kwsd.events import Detection, Event
from kwsd.keywords.keyword import Keyword
from kwsd.orders import NoSpeech, SpeechEnd
from kwsd.spotters.phrases import PhraseSpotter
from kwsd.stream import Chunk
from measure.paths import RESULTS, ROOT
from measure.wav import RATE, Samples

SOON_S = 1.0
PIECE = 640
"""Samples that come together: 40 ms."""
ORDERS = 60
HEADER = """\
# The sound of orders

`python -m bench order-sound`. Runs of 1.2 to 1.8 s of speech by dev speakers (LibriSpeech, Common Voice) behind wake
words (ALEXA, JARVIS, SNOWBOY), right behind and 0.5 s behind, with and without a pause of 0.5 s in the middle, clean
and in environmental noise of 10 dB (ESC-10, Freesound; barks and knocks among them). Where speech begins and ends is
told by its energy before noise was added. All settings as they come; quiet gate on; 40 ms of sound at a time, as a
microphone gives it, and the time is that of the piece with which the end was told. Of the streams in which the wake
word was heard. *first*, *last*: the first and last sound are in what is handed over; *soon*: it is whole within 1.0 s
of its end; *cut*: it was taken for ended before it was.

| model | noise | gap | pause | orders | first | last | soon | cut | latency, median / 95 % |
|---|---|---|---|---|---|---|---|---|---|
"""


@dataclass(frozen=True, slots=True)
class Outcome:
    """Of one order."""

    has_first: bool
    has_last: bool
    is_cut: bool
    latency_s: float
    """From the end of the order until its end was told."""


def told(spotter: PhraseSpotter, samples: Samples) -> list[tuple[Event, float]]:
    """What comes of sound, as a microphone gives it, and when: the end of the piece with which it came, seconds."""
    events: list[tuple[Event, float]] = []
    for start in range(0, len(samples), PIECE):
        piece = samples[start : start + PIECE]
        events += [(event, (start + len(piece)) / RATE) for event in spotter.push(Chunk(start, piece, ""))]
    return events + [(event, len(samples) / RATE) for event in spotter.finish()]


def outcome(order: SpokenOrder, events: Sequence[tuple[Event, float]]) -> Outcome | None:
    """What was told of it; None where its keyword was not heard, or something else for it."""
    words = [event for event, _ in events if isinstance(event, Detection)]
    if not words or abs(words[0].end - (order.start_s - order.gap_s)) > SOON_S:
        return None
    ends = [(each, told_s) for each, told_s in events if isinstance(each, SpeechEnd) and each.since == words[0].end]
    if not ends:
        return Outcome(has_first=False, has_last=False, is_cut=False, latency_s=np.inf)
    ((end, told_s),) = ends
    return Outcome(
        has_first=end.sound_start <= order.start_s,
        has_last=end.sound_end >= order.end_s,
        is_cut=end.stream_time < order.end_s,
        latency_s=told_s - order.end_s,
    )


def row(name: str, what: str, outcomes: Sequence[Outcome]) -> str:
    """Of some orders."""
    count = len(outcomes)
    shares = [
        np.mean([each.has_first for each in outcomes]),
        np.mean([each.has_last for each in outcomes]),
        np.mean([not each.is_cut and each.latency_s <= SOON_S for each in outcomes]),
    ]
    columns = " | ".join(f"{share:.3f}" for share in shares)
    late = np.quantile([each.latency_s for each in outcomes], [0.5, 0.95], method="lower")
    cut = sum(each.is_cut for each in outcomes)
    return f"| {name} | {what} | {count} | {columns} | {cut} | {late[0]:.2f} / {late[1]:.2f} s |"


def main(arguments: list[str]) -> None:
    """Measure a model, and write the table."""
    parser = argparse.ArgumentParser(prog="python -m bench order-sound", description=__doc__)
    parser.add_argument("--orders", type=int, default=ORDERS, metavar="N", help="each of them in eight conditions")
    parser.add_argument("--model", type=Path, default=ROOT / "models" / "kwsd-en", metavar="DIR")
    asked = parser.parse_args(arguments)
    model, began_s = Model.load(asked.model), time.process_time()
    spotters: dict[str, PhraseSpotter] = {}
    found: dict[tuple[float | None, float, float], list[Outcome]] = {}
    unheard, sound_s = 0, 0.0
    silent: Counter[bool] = Counter()
    for order in spoken_orders(asked.orders):
        spotter = spotters.get(order.keyword)
        if spotter is None:
            spotter = PhraseSpotter(model, [Keyword(order.keyword, listen=True)], quiet_gate=True)
            spotters[order.keyword] = spotter
        spotter.reset()
        sound_s += len(order.samples) / RATE
        result = outcome(order, told(spotter, order.samples))
        if result is None:
            unheard += 1
            continue
        found.setdefault((order.snr_db, order.gap_s, order.pause_s), []).append(result)
        if order.gap_s and not order.pause_s:
            silent.update(nothing_told(spotter, order))
    rows = [
        row(model.name, f"{'clean' if snr is None else f'{snr:g} dB'} | {gap} s | {pause} s", each)
        for (snr, gap, pause), each in sorted(found.items(), key=str)
    ]
    rows.append(row(model.name, "all | | ", [each for every in found.values() for each in every]))
    heard = sum(silent.values())
    cost = 1000 * (time.process_time() - began_s) / sound_s
    text = "\n".join(rows) + (
        f"\n\nNothing was said behind {heard} wake words: `no_speech` after {silent[True]} of them. The wake word "
        f"itself was not heard in {unheard} streams. {cost:.1f} ms of processor per second of sound, everything "
        "included, on a loaded machine.\n"
    )
    print(text)
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / "order-sound.md").write_text(HEADER + text, encoding="utf-8")


def nothing_told(spotter: PhraseSpotter, order: SpokenOrder) -> list[bool]:
    """Whether `no_speech` is told where the order is left out of a stream; nothing where the keyword is not heard."""
    spotter.reset()
    first, last = round((order.start_s - order.gap_s) * RATE), round(order.end_s * RATE)
    room = order.samples[: round(5.0 * RATE)]  # in front of the wake word
    without = np.concatenate([order.samples[:first], room, order.samples[last:]])
    ends = [event for event, _ in told(spotter, without) if isinstance(event, SpeechEnd | NoSpeech)]
    return [isinstance(ends[0], NoSpeech)] if ends else []
