"""The tiny model with phones for units: its tones are called phones, and a lexicon tells how a few words sound."""

import gzip
from collections.abc import Sequence
from pathlib import Path

from kwsd.text.lexicon import LETTER_SOUNDS, LEXICON, Lexicon
from testkit.tiny_model import TOKENS, Floats, build_tiny_model, speak
from testkit.tiny_voice import SPECIALS
from training.lexicon.lexicon import Dictionary, learn, lines_of, not_by_rule
from training.zipformer.data.units import PHONES

WORDS = {
    "A": "AX, EY",
    "ALEXA": "AX L EH K S AX",
    "AND": "AX N D, AE N D",
    "BATS": "B AE T S",
    "BOX": "B AA K S",
    "BUS": "B AH S",
    "CAT": "K AE T",
    "CATS": "K AE T S",
    "DOG": "D AO G",
    "HEY": "HH EY",
    "LIGHT": "L AY T",
    "LIGHTS": "L AY T S",
    "NIGHT": "N AY T",
    "OFF": "AO F",
    "ON": "AA N, AO N",
    "PLAY": "P L EY",
    "READ": "R IY D, R EH D",
    "RED": "R EH D",
    "TABS": "T AE B Z",
    "TIGHT": "T AY T",
    "TURN": "T ER N",
}
"""Pronunciations, the usual one first, separated by commas."""


def dictionary() -> Dictionary:
    """WORDS as the recipe reads a dictionary."""
    return {word: tuple(tuple(way.split()) for way in ways.split(", ")) for word, ways in WORDS.items()}


def small_lexicon() -> Lexicon:
    """What the recipe learns from WORDS, without going through files."""
    table = learn(dictionary())
    return Lexicon(lines_of(not_by_rule(dictionary(), table)), table)


def build_phone_model(directory: Path) -> Path:
    """Write the tiny model with phones and a lexicon instead of pieces; return its directory."""
    build_tiny_model(directory)
    (directory / "bpe.model").unlink()
    spare = [f"<spare{number}>" for number in range(len(TOKENS) - len(SPECIALS) - len(PHONES))]
    names = (*SPECIALS, *PHONES, *spare)
    (directory / "tokens.txt").write_text("".join(f"{name} {token}\n" for token, name in enumerate(names)))
    table = learn(dictionary())
    table.write(directory / LETTER_SOUNDS)
    (directory / LEXICON).write_bytes(gzip.compress(lines_of(not_by_rule(dictionary(), table))))
    return directory


def say(phones: str, lead_s: float = 0.5) -> Floats:
    """The sound of phones, as that model hears them."""
    return speak(tones(phones.split()), lead_s=lead_s, tail_s=0.5)


def tones(phones: Sequence[str]) -> list[str]:
    """What the tiny voice calls the tones of these phones."""
    return [TOKENS[len(SPECIALS) + PHONES.index(phone)] for phone in phones]
