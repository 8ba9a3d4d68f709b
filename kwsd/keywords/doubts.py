"""What of a usable keyword will not be heard as it was probably meant, wherever the keyword comes from."""

import re
from collections.abc import Iterator

from kwsd.keywords.keyword import Keyword
from kwsd.keywords.sequences import first_sequence
from kwsd.limits import BOOST
from kwsd.text.phrase_tokenizer import PhraseTokenizer

_NUMBER_BEHIND = re.compile(r"\S[\s:]\s*([0-9]*[.,][0-9]+)$")
_ATTRIBUTE_BEHIND = re.compile(r"\S\s+([:#@])\s*(\S+)$")
NOT_SAID = (  # what lists and tables have beside the phrase
    (
        re.compile(r"(?:[-*+\u2022]|[0-9]+[.)])\s+(?:\[[ x]\]\s+)?[*_`]*(.+?)[*_`]*"),
        "would be spoken with its mark; write {} alone",
    ),
    (re.compile(r".*[][{}].*"), "has brackets; leave them out: one phrase stands in a line, as it is said"),
    (re.compile(r"[^\W\d].*?;\S.*"), "has a semicolon; one phrase stands in a line, and no other column"),
    (
        re.compile(r".*\w,[^\W\d].*|.*[\"'],\S.*"),
        "has a comma without a blank; one phrase stands in a line, and no other column",
    ),
)
_FIELDS = {":": "boost", "#": "threshold", "@": "name"}


def doubts(keyword: Keyword, tokenizer: PhraseTokenizer) -> Iterator[str]:
    """What is wrong with single spellings of a keyword that has others, and with what stands behind its phrase."""
    for spelling in keyword.spellings:
        try:
            first_sequence(Keyword(spelling, written_forms=keyword.written_forms), tokenizer)
        except ValueError as error:
            yield f"spelling {error}"
    for pattern, what in NOT_SAID:
        if found := pattern.fullmatch(keyword.phrase):
            yield f'"{keyword.phrase}" {what.format(*found.groups())}'
    attribute, number = _ATTRIBUTE_BEHIND.search(keyword.phrase), _NUMBER_BEHIND.search(keyword.phrase)
    value = number[1].replace(",", ".") if number else ""
    if attribute:
        mark, field = attribute[1], f"{_FIELDS[attribute[1]]} is a field of its own beside the phrase"
        yield f'"{keyword.phrase}" has "{mark}{attribute[2]}" as words; {field}'
    elif number and float(value) in BOOST:
        yield (
            f'"{keyword.phrase}" has its number as words; a threshold is written #{value}, a boost :{value}; '
            "if the number is said, write it in words"
        )
