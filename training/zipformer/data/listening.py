"""Recordings in which something is listened for: what a confidence is fitted on. Dev speakers only, wake words apart.

Besides the rows that models are measured on: in running speech, phrases that are said there and phrases that others
said; and words that are no more than the beginning of a word that is said there (GRAY in GRACIOUS).
"""

import random
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from kwsd.text.lexicon import Lexicon
from measure import manifests
from training.zipformer.data.conditions import CONDITION_ROWS
from training.zipformer.data.trials import ROWS, SMALL_COMMANDS, Row, Trial, _read, _somewhere

UTTERANCES = 700
OTHERS = 19
"""Phrases of other utterances that are listened for beside one's own."""
SHORTEST_BEGINNING = 3
"""Phones of a word that another begins with."""
MOST_BEGINNINGS = 8
WAKE_LIKE = ("HEY JARVIS", "COMPUTER", "HEY MYCROFT", "OKAY NABU", "BUMBLEBEE")
SINGLE_WORDS = frozenset({"custom-keywords", "speechcommands-yes-no-up-down"})
CONDITIONS = ("clean", "snr10", "breath", "after", "between", "room", "telephone")
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
    row: str
    """Whose frames they share, kept under this name."""
    recordings: tuple[Listening, ...]
    limit: int = 0
    weight: float = 1.0


def parts(shared: Path, folder: Path, limit: int) -> Iterator[Part]:
    """Every kind, by the folder of recordings; `limit` recordings of the long rows, 0 for all."""
    running = _utterances(shared)
    yield Part("running", "running", tuple(_phrases(shared, running)))
    yield Part("beginnings", "running", tuple(_beginnings(shared, running)), weight=2.0)
    for name in ("words", "commands", "phrases"):
        yield _part(name, ROWS[name](shared, limit, folder), limit=limit)
    for name in CONDITIONS:
        yield _part(name, CONDITION_ROWS[name](shared, 0, folder), weight=2.0)
    speech = ROWS["wakewords"](shared, limit, folder)
    small = tuple(shared.joinpath(SMALL_COMMANDS).read_text(encoding="utf-8").split("\n")[:-1])
    wanted = (*speech.phrases, *WAKE_LIKE, *small)
    yield _part("wakewords", Row(wanted, speech.trials), limit=limit)


def _part(name: str, row: Row, *, limit: int = 0, weight: float = 1.0) -> Part:
    recordings = (Listening(trial, row.phrases, f"{name}/{number}") for number, trial in enumerate(row.trials))
    return Part(name, name, tuple(recordings), limit, weight)


def _utterances(shared: Path) -> list[dict[str, str]]:
    rows = manifests.read(shared / "speech" / "manifest.tsv")
    said = [row for row in rows if row["split"] == "dev" and row["transcript"] and row["corpus"] not in SINGLE_WORDS]
    return random.Random(SEED).sample(said, min(len(said), UTTERANCES))


def _phrases(shared: Path, rows: Sequence[dict[str, str]]) -> Iterator[Listening]:
    """One to three words of each utterance, and those of others."""
    choose = random.Random(SEED)
    own = [_some_words(row["transcript"].split(), choose) for row in rows]
    for row, phrase in zip(rows, own, strict=True):
        wanted = tuple(dict.fromkeys([phrase, *choose.sample(own, min(OTHERS, len(own)))]))
        yield _listening(shared, row, wanted)


def _some_words(words: Sequence[str], choose: random.Random) -> str:
    count = choose.choice((1, 1, 2, 2, 3))
    start = choose.randrange(max(1, len(words) - count + 1))
    return " ".join(words[start : start + count])


def _beginnings(shared: Path, rows: Sequence[dict[str, str]]) -> Iterator[Listening]:
    """Words that are not said, but begin some that are."""
    lexicon = Lexicon.load(Path("models") / "kwsd-en")
    words = {word for row in rows for word in row["transcript"].split() if word.isalpha()}
    sound = {word: lexicon.pronunciations(word)[0] for word in sorted(words)}
    by_sound = defaultdict(list)
    for word, phones in sound.items():
        by_sound[phones].append(word)
    for row in rows:
        said = [word for word in row["transcript"].split() if word in sound]
        heads = (sound[word][:end] for word in said for end in range(SHORTEST_BEGINNING, len(sound[word])))
        found = dict.fromkeys(word for head in heads for word in by_sound[head] if word not in said)
        yield _listening(shared, row, tuple(found)[:MOST_BEGINNINGS])


def _listening(shared: Path, row: dict[str, str], phrases: tuple[str, ...]) -> Listening:
    text = f" {row['transcript']} "
    said = [phrase for phrase in phrases for _ in range(text.count(f" {phrase} "))]
    trial = Trial(partial(_read, shared / "speech" / row["path"]), _somewhere(said))
    return Listening(trial, phrases, row["speaker"])
