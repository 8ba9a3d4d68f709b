"""Keywords that get in each other's way or are too short, for `kwsctl check`. The only importer of ahocorasick.

Nothing here stops a keyword: the search waits for the longer of two and looks at word ends. People should know.
"""

from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from typing import Literal

import ahocorasick

from kwsd.keywords.keyword import Keyword
from kwsd.keywords.sequences import token_sequences
from kwsd.quick_dataclass import dataclass
from kwsd.search.graph import TokenSequence
from kwsd.text.phrase_tokenizer import PhraseTokenizer

FEWEST_TOKENS = 4  # below, recall and false alarms both get worse quickly (sherpa-onnx#3809)
FEWEST_LETTERS = 5  # of a keyword that is a single word
MOST_NAMED = 3  # keywords in one warning
_SHORT_REMEDY = "it may fire by chance; use a longer phrase"

Listed = Sequence[tuple[str, tuple[TokenSequence, ...]]]
"""Label and sequences of each keyword."""

Kind = Literal["short", "duplicate", "prefix", "inner"]


@dataclass(frozen=True, slots=True)
class KeywordWarning:
    """Something to know about a keyword. `str()` is a line for people."""

    kind: Kind
    keyword: str
    """Label of the keyword that is meant."""
    text: str
    """What and why, to be read after the keyword."""
    others: tuple[str, ...] = ()
    """Labels of the keywords that it collides with."""

    def __str__(self) -> str:
        return f'"{self.keyword}" {self.text}'


@dataclass(frozen=True, slots=True)
class _Relation:
    kind: Kind
    verb: str
    effect: str


_DUPLICATE = _Relation("duplicate", "may be written like", "they sound alike")
_PREFIX = _Relation("prefix", "begins", "it is reported a little later, once the longer one is ruled out")
_PREFIX_OF_WORD = _Relation("prefix", "begins", "only the end of the word tells them apart")
_INNER = _Relation("inner", "is inside", "where both are said, the longer one is reported")
_INNER_OF_WORD = _Relation("inner", "is inside", "only the end of the word tells them apart")


def keyword_warnings(keywords: Iterable[Keyword], tokenizer: PhraseTokenizer) -> tuple[KeywordWarning, ...]:
    """Short keywords, then duplicate, prefix and inner ones, one warning per keyword and kind. Every spelling counts.

    Raises:
        ValueError: a keyword cannot be written with the vocabulary.
    """
    listed = [(keyword.label, token_sequences(keyword, tokenizer)) for keyword in keywords]
    others: dict[tuple[str, _Relation], dict[str, None]] = {}
    for label, relation, other in _overlaps(listed, tokenizer):
        others.setdefault((label, relation), {})[other] = None
    warnings = []
    for label, sequences in listed:
        count, spelling = len(sequences[0].tokens), sequences[0].spelling
        if count < FEWEST_TOKENS:
            tokens = "1 token" if count == 1 else f"{count} tokens"
            warnings.append(KeywordWarning("short", label, f"has only {tokens}: {_SHORT_REMEDY}"))
        elif len(spelling.split()) == 1 and len(spelling) < FEWEST_LETTERS:
            warnings.append(KeywordWarning("short", label, f"is one short word: {_SHORT_REMEDY}"))
    for (label, relation), found in others.items():
        named = ", ".join(f'"{other}"' for other in islice(found, MOST_NAMED))
        rest = f" and {len(found) - MOST_NAMED} more" if len(found) > MOST_NAMED else ""
        text = f"{relation.verb} {named}{rest}: {relation.effect}"
        warnings.append(KeywordWarning(relation.kind, label, text, tuple(found)))
    return tuple(warnings)


def _overlaps(listed: Listed, tokenizer: PhraseTokenizer) -> Iterator[tuple[str, _Relation, str]]:
    """A label, how it stands to another, and the label of the other."""
    places: dict[tuple[int, ...], list[int]] = {}
    for place, (_, sequences) in enumerate(listed):
        for sequence in sequences:
            places.setdefault(sequence.tokens, []).append(place)
    automaton = ahocorasick.Automaton(ahocorasick.STORE_ANY, ahocorasick.KEY_SEQUENCE)
    for tokens, owners in places.items():
        automaton.add_word(tokens, (len(tokens), owners))
    automaton.make_automaton()
    for place, (label, sequences) in enumerate(listed):
        for sequence in sequences:
            for owner, first, after in _found(automaton, sequence.tokens):
                other = listed[owner][0]
                if (first, after) == (0, len(sequence.tokens)):
                    if owner < place:
                        yield label, _DUPLICATE, other
                elif owner != place:
                    yield other, _relation(first, sequence.tokens[after:], tokenizer), label


def _relation(first: int, rest: tuple[int, ...], tokenizer: PhraseTokenizer) -> _Relation:
    """Of a keyword that stands at token `first` of a longer one, with `rest` after it."""
    if rest and not tokenizer.is_word_start(rest[0]):
        return _INNER_OF_WORD if first else _PREFIX_OF_WORD
    return _INNER if first else _PREFIX


def _found(automaton: ahocorasick.Automaton, tokens: tuple[int, ...]) -> Iterator[tuple[int, int, int]]:
    """Place of a keyword that occurs in `tokens`, its first position there, and the position after it."""
    for last, (count, owners) in automaton.iter(tokens):
        for owner in owners:
            yield owner, last + 1 - count, last + 1
