"""The words of the upstream model card and the utterances to look in, chosen as in shared/peers/sherpa_words.py."""

import random
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from measure import streams
from measure.paths import SHARED

WORDS = (
    *("WHICH", "LITTLE", "BEFORE", "GREAT", "LIGHT", "YOUNG"),
    *("THROUGH", "WORLD", "ALWAYS", "PEOPLE", "THOUGHT", "MISTER"),
)
WAKEWORDS = ("ALEXA", "JARVIS", "SNOWBOY")
WANTED = 15  # utterances per word, where there are so many
NEGATIVES = 60  # utterances with none of the words


@dataclass(frozen=True, slots=True)
class Utterance:
    """A recording and which of the words its transcript has."""

    path: Path
    words: frozenset[str]


def word_utterances() -> tuple[list[Utterance], list[Utterance]]:
    """Utterances with words, until each word has WANTED of them; and the first NEGATIVES without any."""
    rows = [row for row in streams.speech_rows() if row["corpus"].startswith("librispeech")]
    random.Random(1).shuffle(rows)
    utterances = [Utterance(SHARED / "speech" / row["path"], words_in(row["transcript"])) for row in rows]
    seen: Counter[str] = Counter()
    positive: list[Utterance] = []
    for utterance in utterances:
        if any(seen[word] < WANTED for word in utterance.words):
            positive.append(utterance)
            seen.update(utterance.words)
    return positive, [utterance for utterance in utterances if not utterance.words][:NEGATIVES]


def words_in(transcript: str) -> frozenset[str]:
    """Which of WORDS stand in the transcript, as whole words."""
    return frozenset(transcript.split()) & frozenset(WORDS)
