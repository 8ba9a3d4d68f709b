"""The words of the table: which recordings there are of each, and by whom, as far as that is known."""

from __future__ import annotations

import random
from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from measure import manifests
from measure.paths import SHARED
from measure.streams import speech_rows

DRAWS, TAKES = 20, 3
FEWEST_OWN = 5  # recordings of one person, so that two are left to test on
IN_CMUDICT = {
    *("ALEXA", "ARCHIE", "DOWN", "GOODNIGHT", "HEY ARCHIE", "HOW ARE YOU"),
    *("JARVIS", "JOKE", "NO", "TRICK OR TREAT", "UP", "YES"),
}
"""Keywords all of whose words are in CMUdict 1.1.3; of the others at least one is in neither it nor the lexicon."""


@dataclass(frozen=True, slots=True)
class Word:
    """A keyword and its recordings."""

    phrase: str
    paths: tuple[str, ...]
    """Relative to shared/speech."""
    speakers: dict[str, str] = field(default_factory=dict)
    """By path; none where they are not marked."""

    def draws(self, is_fit: Callable[[str], bool]) -> list[tuple[str, ...]]:
        """So many draws of three takes, of one person where they are marked; one that is not fit is recorded again."""
        chance, fit = random.Random(self.phrase), [path for path in self.paths if is_fit(path)]
        if not self.speakers:
            return [tuple(chance.sample(fit, TAKES)) for _ in range(DRAWS)]
        by_speaker = defaultdict(list)
        for path in fit:
            by_speaker[self.speakers[path]].append(path)
        rich = [paths for _, paths in sorted(by_speaker.items()) if len(paths) >= FEWEST_OWN]
        return [tuple(chance.sample(paths, TAKES)) for paths in chance.sample(rich, min(DRAWS, len(rich)))]

    def own(self, takes: Sequence[str]) -> list[str]:
        """The other recordings of the person whose takes these are."""
        mine = {self.speakers.get(path) for path in takes}
        return [path for path in self.speakers if self.speakers[path] in mine and path not in takes]


def find_words(only: Sequence[str] | None) -> list[Word]:
    """Unusual keywords and wake words by many people, and words of Speech Commands by people set apart (dev)."""
    speech = speech_rows()
    paths: dict[str, list[str]] = defaultdict(list)
    speakers: dict[str, dict[str, str]] = defaultdict(dict)
    for row in speech:
        if row["corpus"] == "custom-keywords":
            paths[row["transcript"]].append(row["path"])
    for row in manifests.read(SHARED / "wakewords" / "manifest.tsv"):
        paths[row["phrase"]].append(f"../wakewords/{row['path']}")
    apart = [row for row in speech if row["corpus"].startswith("speechcommands") and row["split"] == "dev"]
    times = Counter((row["transcript"], row["speaker"]) for row in apart)
    for row in apart:
        if times[row["transcript"], row["speaker"]] >= FEWEST_OWN:
            paths[row["transcript"]].append(row["path"])
            speakers[row["transcript"]][row["path"]] = row["speaker"]
    return [
        Word(phrase, tuple(of), speakers.get(phrase, {}))
        for phrase, of in sorted(paths.items())
        if not only or phrase in only
    ]
