"""Phrases to token ids for a model whose units are phones: words by its lexicon, or phones as somebody typed them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from functools import cached_property, lru_cache
from hashlib import sha256
from itertools import chain, combinations, islice, product
from pathlib import Path
from typing import Self

from kwsd.text.foreign import foreign_notation
from kwsd.text.lexicon import CACHED_WORDS, Lexicon
from kwsd.text.vocabulary import is_control, read_tokens
from kwsd.units import WORD_START

MOST_ENCODINGS = 8  # of one phrase, however many of its words may be said in two ways
_TYPED_PHONES = re.compile(r"(?<!\S)/([^/]*)/(?!\S)")
_STRESS = "012"

Ids = tuple[int, ...]


class PhoneTokenizer:
    """Text to phones of one model and back. Immutable; implements `kwsd.text.phrase_tokenizer.PhraseTokenizer`."""

    def __init__(self, lexicon: Lexicon, tokens: tuple[str, ...]) -> None:
        """Make one from a lexicon, and the phone of every id.

        A model may tell phones that begin a word from others: the first then have `▁` before them.
        """
        self._lexicon = lexicon
        self._tokens = tokens
        self._mark = WORD_START if any(token.startswith(WORD_START) for token in tokens) else ""
        self._ids = {phone: token for token, phone in enumerate(tokens) if not is_control(phone)}
        self._said = lru_cache(maxsize=CACHED_WORDS)(self._look_up)

    @cached_property
    def fingerprint(self) -> str:
        """Of the lexicon and the phones."""
        return sha256("\n".join((self._lexicon.fingerprint, *self._tokens)).encode()).hexdigest()

    @classmethod
    def load(cls, model_directory: Path) -> Self:
        """Read `tokens.txt` and the lexicon of a model directory.

        Raises:
            ModelError: a file is missing or broken; the message names it.
        """
        return cls(Lexicon.load(model_directory), read_tokens(model_directory / "tokens.txt"))

    def encode(self, text: str) -> Ids:
        """The usual pronunciation of a phrase; raises like `encodings`."""
        return next(self.encodings(text))

    def encodings(self, text: str) -> Iterator[Ids]:
        """Every way to say a phrase, the usual one first; at most `MOST_ENCODINGS`.

        What stands between slashes is phones: `hey /Z OW L W/`. CMUdict's way to write them, in any case and with
        stress, is understood.

        Raises:
            ValueError: there is no text, or something in it cannot be said; the message names it and the remedy.
        """
        if text.startswith(WORD_START):
            raise ValueError(
                f'"{text}" is pieces of words, and the units of this model are phones; write the phrase itself, or its '
                "phones between slashes: /L AY T/"
            )
        if foreign := foreign_notation(text):
            raise ValueError(f'"{text}" {foreign}')
        words: list[tuple[Ids, ...]] = []
        for number, part in enumerate(_TYPED_PHONES.split(text)):
            words += ((self._typed(part),),) if number % 2 else map(self._said, part.split())
        if not words:
            raise ValueError("there is no text")
        return islice(_ways_to_say(words), MOST_ENCODINGS)

    def knows(self, word: str) -> bool:
        """Whether the dictionary has a word."""
        return self._lexicon.knows(word)

    def pieces(self, ids: Iterable[int]) -> tuple[str, ...]:
        """Phone of each id."""
        return tuple(self._tokens[token] for token in ids)

    def is_word_start(self, token: int) -> bool:
        """Whether a word may begin with this phone: with any, where the model does not mark those that do."""
        return 0 <= token < len(self._tokens) and self._tokens[token].startswith(self._mark)

    def _look_up(self, word: str) -> tuple[Ids, ...]:
        ways = self._lexicon.pronunciations(word)
        unknown = [phone for phone in chain.from_iterable(ways) if phone not in self._ids]
        if unknown:
            raise ValueError(
                f'the lexicon says "{word}" with {unknown[0]}, which tokens.txt lacks; fetch the model again'
            )
        return tuple(self._ids_of(way) for way in ways)

    def _typed(self, text: str) -> Ids:
        phones = []
        for phone in text.split():  # `ah0` → AX, `EH1` → EH; a mark, as `kwsctl check` shows it, stays if there are any
            mark = self._mark if phone.startswith(WORD_START) else ""
            upper = phone.removeprefix(WORD_START).upper()
            phones.append(mark + ("AX" if upper == "AH0" else upper.rstrip(_STRESS)))
        unknown = [phone for phone in phones if phone not in self._ids]
        if re.fullmatch(r"\s*[0-9.]+e?[+-]?[0-9]*\s*", text, re.IGNORECASE):
            raise ValueError(f'"/{text}/" is a threshold of another engine; here one is written #0.35')
        if unknown or not phones:
            named = ", ".join(f'"{phone}"' for phone in dict.fromkeys(unknown)) or "nothing"
            known = (phone for phone in self._ids if not self._mark or not phone.startswith(self._mark))
            raise ValueError(f'"/{text}/" has {named}, which is no phone; there are {" ".join(known)}')
        return self._ids_of(phones)

    def _ids_of(self, phones: Sequence[str]) -> Ids:
        """Ids of the phones of a word; the first of them begins it, marked or not."""
        first, *others = phones
        return tuple(self._ids[phone] for phone in (self._mark + first.removeprefix(WORD_START), *others))


def _ways_to_say(words: Sequence[tuple[Ids, ...]]) -> Iterator[Ids]:
    """All words in their usual way, then with one of them in another way, then two, and so on."""
    usual = [ways[0] for ways in words]
    changeable = [place for place, ways in enumerate(words) if len(ways) > 1]
    for changes in range(len(changeable) + 1):
        for places in combinations(changeable, changes):
            for others in product(*(words[place][1:] for place in places)):
                changed = dict(zip(places, others, strict=True))
                yield tuple(chain.from_iterable(changed.get(place, said) for place, said in enumerate(usual)))
