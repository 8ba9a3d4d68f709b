"""Orders of known meaning, made of recordings: single words joined, and read phrases with words of them as slots."""

import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from bench import SHARED
from measure import manifests, sound
from measure.wav import RATE, Samples, silence

GAPS_S = (0.05, 0.2)
"""Between joined words."""
JOINED = 120
PHRASES = 150
CHOICES = 10
"""Values of a slot, the one that is said among them."""
LEARNERS = "speechocean762"
"""Children and adults who learn English, of Chinese as their first language."""
SHORTEST, LONGEST = 3, 9
"""Words of a phrase."""
MARGIN_S = 0.5, 1.2
"""Silence before and behind an order."""
OTHER_S = 8.0
"""Of other speech at a time, as long as sentences are armed behind a wake word."""
WAYS = ("up", "down", "left", "right", "forward", "backward")
THINGS = ("house", "bed", "tree", "dog", "cat", "bird")
STATES = ("on", "off")
DIGITS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
VALUES = {"way": WAYS, "thing": THINGS, "state": STATES, "steps": DIGITS}

Slots = Mapping[str, str | int]


@dataclass(frozen=True, slots=True)
class Order:
    """What is said, and what it means."""

    kind: str
    samples: Samples
    intent: str
    slots: Slots
    words: Mapping[str, str]
    """What is said for each slot."""
    choices: Mapping[str, tuple[str, ...]]
    """What may be said for it."""


def joined_words(draw: random.Random) -> Iterator[Order]:
    """Clips of Speech Commands one behind the other: go UP FIVE, BED OFF."""
    folder = SHARED / "speech_commands" / "test_a"
    clips: dict[str, list[manifests.Row]] = {}
    for row in manifests.read(folder / "manifest.tsv"):
        clips.setdefault(row["word"], []).append(row)
    words: tuple[str, ...]
    slots: Slots
    for number in range(JOINED):
        if number % 2:
            way, steps = draw.choice(WAYS), draw.randrange(10)
            words, intent, slots = ("go", way, DIGITS[steps]), "Move", {"way": way, "steps": steps}
        else:
            thing, state = draw.choice(THINGS), draw.choice(STATES)
            words, intent, slots = (thing, state), "Switch", {"thing": thing, "state": state}
        parts = []
        for word in words:
            parts += [sound.unpadded(folder, draw.choice(clips[word])), silence(draw.uniform(*GAPS_S))]
        said = dict(zip(slots, words[-2:], strict=True))
        choices = {name: VALUES[name] for name in slots}
        yield Order("joined words", framed(np.concatenate(parts)), intent, slots, said, choices)


JOINED_SENTENCES = """\
  Move:
    data:
      - sentences: ["[go] {way} {0..9:steps}", "(look|learn) {way}"]
  Switch:
    data:
      - sentences: ["{thing} {state}", "(follow|visual) [the] {thing}"]
"""


def phrases(draw: random.Random) -> tuple[list[Order], str, str]:
    """Read phrases, two words of each a slot with ten values → orders, and their `intents` and `lists` as YAML."""
    folder = SHARED / "speech"
    rows = [
        row
        for row in manifests.read(folder / "manifest.tsv")
        if row["split"] == "dev"
        and row["corpus"].startswith(("speechocean", "commonvoice"))
        and SHORTEST <= len(row["transcript"].split()) <= LONGEST
    ]
    draw.shuffle(rows)
    rows = rows[:PHRASES]
    vocabulary = sorted({word for row in rows for word in row["transcript"].lower().split() if len(word) > 2})
    orders, intents, lists = [], [], []
    for number, row in enumerate(rows):
        words = row["transcript"].lower().split()
        places = sorted(draw.sample(range(len(words)), 2))
        slots, choices, template = {}, {}, list(words)
        for which, place in zip("ab", places, strict=True):
            choices[which] = tuple(sorted({words[place], *draw.sample(vocabulary, CHOICES - 1)}))
            slots[which] = words[place]
            template[place] = f"{{list{number}{which}:{which}}}"
            lists.append(f"  list{number}{which}: {{values: {quoted(choices[which])}}}")
        intents.append(f"  Phrase{number}: {{data: [{{sentences: {quoted([' '.join(template)])}}}]}}")
        samples = framed(sound.read_exactly(folder / row["path"]))
        kind = "phrases of learners" if row["corpus"] == LEARNERS else "phrases, Common Voice"
        orders.append(Order(kind, samples, f"Phrase{number}", slots, slots, choices))
    return orders, "\n".join(intents), "\n".join(lists)


def other_speech(every: int = 1) -> Iterator[Samples]:
    """Read books, 8 s at a time, as somebody who speaks right behind a wake word and means somebody else."""
    folder = SHARED / "speech"
    rows = [
        row
        for row in manifests.read(folder / "manifest.tsv")
        if row["split"] == "dev" and row["corpus"].startswith("librispeech")
    ]
    for row in rows[::every]:
        samples = sound.read_exactly(folder / row["path"])
        for start in range(0, len(samples), int(OTHER_S * RATE)):
            yield framed(samples[start : start + int(OTHER_S * RATE)])


def make(path: Path, seed: int = 0) -> list[Order]:
    """All orders, and the file of sentences for all of them at once."""
    draw = random.Random(seed)
    orders = list(joined_words(draw))
    spoken, intents, lists = phrases(draw)
    own = "\n".join(f"  {name}: {{values: {quoted(VALUES[name])}}}" for name in ("way", "thing", "state"))
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"intents:\n{JOINED_SENTENCES}{intents}\nlists:\n{own}\n{lists}\n", encoding="utf-8")
    orders += spoken
    random.Random(seed).shuffle(orders)  # so that every Nth of them is some of each kind and sentence
    return orders


def quoted(texts: Sequence[str]) -> str:
    """A YAML list on one line."""
    return "[" + ", ".join(f'"{text}"' for text in texts) + "]"


def framed(samples: Samples) -> Samples:
    """With silence before and behind."""
    before, behind = MARGIN_S
    return np.concatenate([silence(before), samples, silence(behind)])
