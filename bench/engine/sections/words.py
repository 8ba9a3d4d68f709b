"""The 12 words of the upstream model card in running speech."""

from collections import Counter
from dataclasses import dataclass

import numpy as np

from bench.engine import selection
from bench.engine.hearing import Engine
from bench.engine.peer import Peer
from bench.engine.product import Product
from bench.engine.report import Section
from bench.engine.selection import WORDS, Utterance
from measure import sound
from measure.progress import track
from measure.scoring import Hit
from measure.wav import cut, silence

TAIL_S = 0.66  # silence behind each utterance, as the peer's examples append


@dataclass(frozen=True, slots=True)
class Outcome:
    """One engine over all utterances."""

    recall: dict[str, float]
    """Per word."""
    all: float
    """Found over spoken, all words together."""
    false_per_utterance: float
    """Hits in an utterance that has none of the words."""


def measure(jobs: int) -> Section:
    """Recall of every word and false hits, for either engine."""
    del jobs
    positive, negative = selection.word_utterances()
    engines: list[Engine] = [Peer(WORDS), Product(WORDS)]
    outcomes = {engine.title: outcome(engine, positive, negative) for engine in engines}
    return Section(
        "words",
        "12 words in LibriSpeech utterances",
        ("", *outcomes),
        table(outcomes),
        [
            f"{len(positive)} utterances with at least one of the words, {len(negative)} with none",
            "utterances chosen as in `shared/peers/sherpa_words.py`",
            "cut from their context each utterance meets a cold encoder; a daemon's is warm",
        ],
        figures={
            title: {"recall": result.all, "per_word": result.recall, "false_per_utterance": result.false_per_utterance}
            for title, result in outcomes.items()
        },
    )


def table(outcomes: dict[str, Outcome]) -> list[list[str]]:
    """One row for all words, one for false hits, one per word."""
    results = outcomes.values()
    return [
        ["**recall, all words**", *(f"**{result.all:.3f}**" for result in results)],
        ["**false hits per utterance without**", *(f"**{result.false_per_utterance:.3f}**" for result in results)],
        *([word, *(f"{result.recall[word]:.2f}" for result in results)] for word in WORDS),
    ]


def outcome(engine: Engine, positive: list[Utterance], negative: list[Utterance]) -> Outcome:
    """Hears every utterance in a stream of its own."""
    spoken: Counter[str] = Counter()
    found: Counter[str] = Counter()
    for utterance in track(positive, f"{engine.title}: words"):
        spoken.update(utterance.words)
        found.update(utterance.words & {hit.phrase for hit in hear(engine, utterance)})
    false = sum(len(hear(engine, utterance)) for utterance in track(negative, f"{engine.title}: none"))
    recall = {word: found[word] / spoken[word] for word in WORDS}
    return Outcome(recall, found.total() / spoken.total(), false / len(negative))


def hear(engine: Engine, utterance: Utterance) -> list[Hit]:
    """Hits in one utterance with silence behind it."""
    return engine.hear(cut(np.concatenate([sound.read(utterance.path), silence(TAIL_S)])))
