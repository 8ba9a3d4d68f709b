"""The tiny model with phones for units: its tones are called phones, and kwsd-en's lexicon tells how words sound."""

import shutil
from collections.abc import Sequence
from pathlib import Path

from kwsd.text.lexicon import LETTER_SOUNDS, LEXICON, Lexicon
from kwsd.text.vocabulary import read_tokens
from kwsd.units import WORD_START
from testkit.tiny_model import TOKENS, Floats, build_tiny_model, speak
from testkit.tiny_voice import SPECIALS

SHIPPED = Path(__file__).parents[1] / "models" / "kwsd-en"
PHONES = tuple(token for token in read_tokens(SHIPPED / "tokens.txt")[1:] if token[0] not in (WORD_START, "<"))
"""As they are inside words."""


def shipped_lexicon() -> Lexicon:
    """How the words of English sound, by the files of kwsd-en."""
    return Lexicon.load(SHIPPED)


def build_phone_model(directory: Path) -> Path:
    """Write the tiny model with phones and a lexicon instead of pieces; return its directory."""
    build_tiny_model(directory)
    (directory / "bpe.model").unlink()
    spare = [f"<spare{number}>" for number in range(len(TOKENS) - len(SPECIALS) - len(PHONES))]
    names = (*SPECIALS, *PHONES, *spare)
    (directory / "tokens.txt").write_text("".join(f"{name} {token}\n" for token, name in enumerate(names)))
    for name in (LEXICON, LETTER_SOUNDS):
        shutil.copy(SHIPPED / name, directory)
    return directory


def say(phones: str, lead_s: float = 0.5) -> Floats:
    """The sound of phones, as that model hears them."""
    return speak(tones(phones.split()), lead_s=lead_s, tail_s=0.5)


def tones(phones: Sequence[str]) -> list[str]:
    """What the tiny voice calls the tones of these phones."""
    return [TOKENS[len(SPECIALS) + PHONES.index(phone)] for phone in phones]
