"""The twelve classes, in the order of every model's output."""

import re

SILENCE, UNKNOWN = "_silence_", "_unknown_"
WORDS = ("yes", "no", "up", "down", "left", "right", "on", "off", "stop", "go")
LABELS = (SILENCE, UNKNOWN, *WORDS)

SOUND_ALIKES = {"know": "no", "knows": "no", "write": "right", "rite": "right", "wright": "right", "upped": "up"}
"""Words of transcripts that nobody could tell from a command by ear."""


def class_of(word: str) -> int:
    """Spoken word → class number; every other word is unknown."""
    return LABELS.index(word) if word in WORDS else LABELS.index(UNKNOWN)


def commands_in(transcript: str) -> set[str]:
    """Commands that sound in a transcript, sound-alikes counted as the command."""
    spoken = re.findall(r"[a-z']+", transcript.lower())
    return {SOUND_ALIKES.get(word, word) for word in spoken} & set(WORDS)
