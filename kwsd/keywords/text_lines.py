"""Text keyword files, line by line: a phrase or ready-made pieces, with `:boost #threshold @display name`."""

import re
from collections.abc import Iterator

from kwsd.keywords.doubts import NOT_SAID
from kwsd.keywords.keyword import Keyword
from kwsd.keywords.line import Line
from kwsd.limits import BOOST, THRESHOLD, TYPED, Range
from kwsd.units import WORD_START

_NUMBER = re.compile(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?")
_DETACHED = re.compile(r"(?:(?<![0-9]):|: ) ?([0-9]+(?:\.[0-9]*)?|\.[0-9]+)$")
_COMMENT = re.compile(r"#(?![.0-9])")  # `#0.4 LIGHTS ON` begins with a threshold, `# lights` does not
_WRITTEN_OTHERWISE = (  # as other programs have it
    (re.compile(r"(?:.*\s)?//(?:\s.*)?"), "has a comment; that is a line of its own, and begins with #"),
    (re.compile(r".+\s(?:=|[-=]>|\u2192)\s+(\S.*)"), "has a name behind it; that is written @{}"),
    (re.compile(r".+\sthreshold\s*[=:]\s*(\S+)", re.IGNORECASE), "has a threshold; that is written #{}"),
    (re.compile(r".+\sboost\s*[=:]\s*(\S+)", re.IGNORECASE), "has a boost; that is written :{}"),
)
_MARKS = {":": "boost", "#": "threshold", "@": "name"}


def read_lines(content: bytes) -> Iterator[Line]:
    """An entry for every line that is neither blank nor a comment."""
    for number, line in enumerate(content.splitlines(), start=1):
        try:
            keyword = keyword_of_line(line)
        except ValueError as error:
            yield Line(number, faults=(str(error),))
        else:
            if keyword is not None:
                yield Line(number, keyword=keyword)


def keyword_of_line(line: bytes) -> Keyword | None:
    """The keyword of a line, or None where the line is blank or a comment.

    Raises:
        ValueError: the line is wrong; the message says what and how to mend it.
    """
    try:
        text = line.decode("utf-8").strip()
    except UnicodeDecodeError as error:
        raise ValueError(f"byte {error.start + 1} is not UTF-8; save the file as UTF-8") from error
    if not text or _COMMENT.match(text):
        return None
    TYPED.check(text)
    for pattern, what in () if text.startswith((WORD_START, "/")) else (*NOT_SAID, *_WRITTEN_OTHERWISE):
        if found := pattern.fullmatch(text):
            raise ValueError(f'"{text}" {what.format(*found.groups())}')
    phrase, attributes = _split(text.split())
    if not phrase:
        raise ValueError("has attributes but no phrase")
    name = attributes.get("name")
    if name == "":
        raise ValueError('"@" has no name after it')
    # `hey jarvis: 1.5` and `hey jarvis:1.5`: a colon and a number at the end are no words; `at 5:30` is a time
    if found := _DETACHED.search(" ".join(phrase)):
        raise ValueError(
            f'"{found[0].strip()}" is read as neither words nor boost; a boost is a word of its own, :{found[1]}'
        )
    pieces = (" ".join(phrase),) if phrase[0].startswith(WORD_START) else ()
    words = "".join(phrase).replace(WORD_START, " ").split() if pieces else phrase  # `▁LIGHT S ▁UP` → LIGHTS UP
    return Keyword(
        phrase=" ".join(words),
        name=name or "",
        spellings=pieces,
        written_forms=not pieces,
        boost=_number(attributes, "boost", ":", BOOST),
        threshold=_number(attributes, "threshold", "#", THRESHOLD),
    )


def _split(words: list[str]) -> tuple[list[str], dict[str, str]]:
    """Words of the phrase, and the text of each attribute. A name takes the words up to the next `:` or `#`."""
    phrase: list[str] = []
    attributes: dict[str, str] = {}
    in_name = False
    for word in words:
        kind = _MARKS.get(word[0])
        if kind is not None:
            if word == "#":
                raise ValueError('"#" begins a threshold like #0.35 here; a comment needs a line of its own')
            if kind in attributes:
                raise ValueError(f'"{word}" is a second {kind}; a line has one')
            attributes[kind] = word[1:]
            in_name = kind == "name"
        elif in_name:
            attributes["name"] = f"{attributes['name']} {word}".strip()
        else:
            phrase.append(word)
    return phrase, attributes


def _number(attributes: dict[str, str], kind: str, mark: str, allowed: Range) -> float | None:
    text = attributes.get(kind)
    if text is None:
        return None
    if not _NUMBER.fullmatch(text):
        raise ValueError(f'{kind} "{mark}{text}" is not a number; write it like {mark}{allowed.example}')
    if float(text) not in allowed:
        raise ValueError(f'{kind} "{mark}{text}" is not {allowed}')
    return float(text)
