"""A phrase to the texts that the model may write for it, and a keyword to the token sequences to listen for."""

import re
from collections import deque
from collections.abc import Iterable, Iterator
from itertools import chain

from kwsd.keywords.keyword import Keyword
from kwsd.search.graph import TokenSequence
from kwsd.text.numerals import readings
from kwsd.text.phrase_tokenizer import PhraseTokenizer, is_ready_made
from kwsd.text.written_forms import Words, one_change

MOST_SPELLINGS = 8  # each costs search time; what comes later is ever less likely
MOST_SEQUENCES = 8  # of one keyword; the usual pronunciation of each of its texts always counts
MOST_IN_ALL = 20_000  # of a list, above which each keyword has fewer: they cost memory and start-up
_TYPED = str.maketrans({"’": "'", "‘": "'", "`": "'", "‐": "-", "‑": "-", "–": "-", "—": "-"})
_SYMBOLS = {"&": " AND ", "+": " PLUS ", "@": " AT "}
_STOPS = re.compile(
    r"[;!?…\"“”_()\[\]{}]|(?<![0-9])/|/(?![0-9])|[.,](?![0-9])|(?<![0-9]):|:(?![0-9])"
)  # not the point of 3.5, not the colon of 5:30


def spellings(phrase: str) -> tuple[str, ...]:
    """The phrase in upper case, then texts of the same sound by number of changes; at most `MOST_SPELLINGS`."""
    found = dict.fromkeys([" ".join(phrase.upper().split())])
    changed: set[Words] = set()
    waiting = deque(_said(phrase))
    while waiting and len(found) < MOST_SPELLINGS:
        words = waiting.popleft()
        if words and words not in changed:
            changed.add(words)
            found[" ".join(words)] = None
            waiting.extend(one_change(words))
    return tuple(found)


def token_sequences(
    keyword: Keyword, tokenizer: PhraseTokenizer, most: int = MOST_SEQUENCES
) -> tuple[TokenSequence, ...]:
    """What to listen for: the phrase first, then the given spellings, then written forms of each; none twice.

    Where words may be said in several ways, the usual ways of all texts come before the others, which are added until
    there are `most`. A text that the vocabulary cannot write is left out as long as another one is left.

    Raises:
        ValueError: no text of the keyword can be written; the message is about the phrase.
    """
    by_tokens: dict[tuple[int, ...], TokenSequence] = {}
    others = []
    for usual, rest in _encoded(keyword, tokenizer):
        by_tokens.setdefault(usual.tokens, usual)
        others.append(rest)
    for sequence in chain.from_iterable(others):
        if len(by_tokens) >= most:
            break
        by_tokens.setdefault(sequence.tokens, sequence)
    return tuple(by_tokens.values())


def first_sequence(keyword: Keyword, tokenizer: PhraseTokenizer) -> TokenSequence:
    """The first of `token_sequences`, without the cost of the others; raises like it."""
    return next(_encoded(keyword, tokenizer))[0]


def _encoded(keyword: Keyword, tokenizer: PhraseTokenizer) -> Iterator[tuple[TokenSequence, Iterator[TokenSequence]]]:
    """The usual sequence and the others of each text that can be written; raises ValueError where none can."""
    first_error: ValueError | None = None
    last_error: ValueError | None = None
    some = False
    for text in _texts(keyword):
        if not _is_sure(text, keyword, tokenizer):
            continue
        try:
            sequences = (TokenSequence(tokens, text) for tokens in tokenizer.encodings(text))
            yield next(sequences), sequences
            some = True
        except ValueError as error:
            first_error, last_error = first_error or error, error
    if not some:
        # where digits were read out, they are not to blame, and the last text has none
        wrong = last_error if any(map(str.isdigit, keyword.phrase)) else first_error
        raise wrong or ValueError("there is no text")


def all_token_sequences(
    keywords: Iterable[Keyword], tokenizer: PhraseTokenizer
) -> tuple[tuple[TokenSequence, ...], ...]:
    """`token_sequences` of each keyword, without those that another keyword has a better right to.

    A sequence belongs to the keyword that was typed like that (COLOR and COLOUR may be two keywords), else to the
    first that could be written like that.

    Raises:
        ValueError: a keyword cannot be written at all.
    """
    keywords = list(keywords)
    most = min(MOST_SEQUENCES, MOST_IN_ALL // max(1, len(keywords)))
    listed = [token_sequences(keyword, tokenizer, most) for keyword in keywords]
    owner = {sequences[0].tokens: number for number, sequences in reversed(list(enumerate(listed)))}
    for number, sequences in enumerate(listed):
        for sequence in sequences:
            owner.setdefault(sequence.tokens, number)
    return tuple(
        (sequences[0], *(rest for rest in sequences[1:] if owner[rest.tokens] == number))
        for number, sequences in enumerate(listed)
    )


def _texts(keyword: Keyword) -> Iterator[str]:
    if not keyword.written_forms:
        yield from keyword.spellings or (keyword.phrase,)
        return
    typed = (keyword.phrase, *keyword.spellings)
    yield from typed
    for text in typed:
        if not is_ready_made(text):
            yield from spellings(text)


def _is_sure(text: str, keyword: Keyword, tokenizer: PhraseTokenizer) -> bool:
    """Whether nobody has to guess how a written form sounds: TURN LIGHT is no TURNLIGHT, which no dictionary has.

    Of words that were typed one has to.
    """
    typed = [phrase.upper() for phrase in (keyword.phrase, *keyword.spellings)]
    unknown = [word for word in {*text.upper().split()}.difference(*map(str.split, typed)) if not tokenizer.knows(word)]
    return not unknown or {*unknown} <= {word for phrase in typed for words in _said(phrase) for word in words}


def _said(phrase: str) -> Iterator[Words]:
    """The words of a phrase with digits read out: the likeliest reading, then others one at a time.

    In upper case, with typewriter quotes and hyphens, symbols as words, and no punctuation; T.V. is TV.
    """
    text = phrase.upper().translate(_TYPED)
    for symbol, word in _SYMBOLS.items():
        text = text.replace(symbol, word)
    text = _STOPS.sub(lambda match: "" if match[0] == "." else " ", text)
    options = [readings(word) or (word,) for word in text.split()]
    likeliest = [option[0] for option in options]
    yield _words(likeliest)
    for place, option in enumerate(options):
        for reading in option[1:]:
            yield _words([*likeliest[:place], reading, *likeliest[place + 1 :]])


def _words(texts: list[str]) -> Words:
    return tuple(" ".join(texts).split())
