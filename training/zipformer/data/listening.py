"""Recordings in which something is listened for: what a confidence is fitted on. Dev speakers only, wake words apart.

Besides wake words in every condition that models are measured in: in running speech, phrases that are said there and
phrases that others said; and hours of speech with what people call machines, order and are called, none of it said.
"""

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from measure import manifests
from training.zipformer.data.conditions import CONDITION_ROWS
from training.zipformer.data.phrases import NAMES
from training.zipformer.data.trials import (
    LARGE_COMMANDS,
    ROWS,
    SMALL_COMMANDS,
    Row,
    Trial,
    _read,
    listed,
    said_in,
    wake_phrases,
    wake_words,
)

UTTERANCES = 700
OWN = 4
"""Phrases of an utterance that are listened for in it."""
OTHERS = 40
"""Phrases of other utterances that are listened for beside them."""
CALLED = 60
"""Names that nobody says in the hours of other speech, or hardly ever."""
SINGLE_WORDS = frozenset({"custom-keywords", "speechcommands-yes-no-up-down"})
BESIDE_SPEECH = frozenset({"breath", "after", "between"})
SEED = 5


@dataclass(frozen=True)
class Listening:
    """One recording, what is listened for in it, and who is heard: those who fit and those who test stay apart."""

    trial: Trial
    phrases: tuple[str, ...]
    group: str


@dataclass(frozen=True)
class Part:
    """Recordings of one kind, with the frames of one row."""

    name: str
    recordings: tuple[Listening, ...]
    limit: int = 0
    said: float = 1.0
    """Weight of what is said in it …"""
    others: float = 1.0
    """… and of what is not. Both were chosen by what the score did to the rows that models are measured on."""


def parts(shared: Path, folder: Path, limit: int) -> Iterator[Part]:
    """Every kind, by the folder of recordings; `limit` recordings of the long rows, 0 for all."""
    for name, row in CONDITION_ROWS.items():
        said = 4.0 if name in BESIDE_SPEECH else 2.0  # else it learns that nothing is said beside speech
        yield _part(name, row(shared, 0, folder), said=said, others=2.0)
    yield _part("phrases", ROWS["phrases"](shared, limit, folder), limit=limit)
    yield Part("running", tuple(_phrases(shared, _utterances(shared))), said=4.0)
    yield _part("wakewords", wake_words(shared, limit, folder, unsaid(shared)), limit=limit, others=3.0)


def _part(name: str, row: Row, *, limit: int = 0, said: float = 1.0, others: float = 1.0) -> Part:
    recordings = (Listening(trial, row.phrases, f"{name}/{number}") for number, trial in enumerate(row.trials))
    return Part(name, tuple(recordings), limit, said, others)


def unsaid(shared: Path) -> tuple[str, ...]:
    """What people call machines, order and are called: next to none of it is said in other speech."""
    names = [line.strip().upper() for line in NAMES.read_text(encoding="utf-8").splitlines()]
    called = random.Random(SEED).sample([name for name in names if name and not name.startswith("#")], CALLED)
    ordered = (*listed(SMALL_COMMANDS, shared), *listed(LARGE_COMMANDS, shared))
    return tuple(dict.fromkeys([*wake_phrases(shared), *ordered, *called]))


def _utterances(shared: Path) -> list[dict[str, str]]:
    rows = manifests.read(shared / "speech" / "manifest.tsv")
    said = [row for row in rows if row["split"] == "dev" and row["transcript"] and row["corpus"] not in SINGLE_WORDS]
    return random.Random(SEED).sample(said, min(len(said), UTTERANCES))


def _phrases(shared: Path, rows: Sequence[dict[str, str]]) -> Iterator[Listening]:
    """One to three words of each utterance, a few times, and those of others."""
    choose = random.Random(SEED)
    own = [[_some_words(row["transcript"].split(), choose) for _ in range(OWN)] for row in rows]
    known = [phrase for phrases in own for phrase in phrases]
    for row, phrases in zip(rows, own, strict=True):
        wanted = tuple(dict.fromkeys([*phrases, *choose.sample(known, min(OTHERS, len(known)))]))
        yield _listening(shared, row, wanted)


def _some_words(words: Sequence[str], choose: random.Random) -> str:
    count = choose.choice((1, 1, 2, 2, 3))
    start = choose.randrange(max(1, len(words) - count + 1))
    return " ".join(words[start : start + count])


def _listening(shared: Path, row: dict[str, str], phrases: tuple[str, ...]) -> Listening:
    trial = Trial(partial(_read, shared / "speech" / row["path"]), said_in(row["transcript"], phrases))
    return Listening(trial, phrases, row["speaker"])
