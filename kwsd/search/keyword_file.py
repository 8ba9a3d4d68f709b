"""Keyword files: text in either public dialect, or TOML, to keywords and the problems of the lines that are not.

The format is described in `keywords/README.md`.
"""

from dataclasses import dataclass
from pathlib import Path

from kwsd.errors import KeywordFileError
from kwsd.search.keyword import Keyword
from kwsd.search.keyword_line import keyword_of_line
from kwsd.search.tokens import PhraseTokenizer


@dataclass(frozen=True, slots=True)
class Problem:
    """Why one line was not taken. `str()` of it is `file:line: what and why`."""

    path: Path
    line: int
    text: str

    def __str__(self) -> str:
        return f"{self.path}:{self.line}: {self.text}"


@dataclass(frozen=True, slots=True)
class KeywordList:
    """What a keyword file holds: the good ones run, the problems are for the user to read."""

    keywords: tuple[Keyword, ...]
    problems: tuple[Problem, ...] = ()


def read_keyword_file(path: Path, tokenizer: PhraseTokenizer) -> KeywordList:
    """Read a text keyword file.

    Raises:
        KeywordFileError: the file cannot be read or has no usable keyword; the message holds every problem.
    """
    keywords: list[Keyword] = []
    problems: list[Problem] = []
    for number, line in enumerate(read_bytes(path).removeprefix(b"\xef\xbb\xbf").splitlines(), start=1):
        try:
            keyword = keyword_of_line(line)
            if keyword is not None:
                tokenizer.encode(keyword.spellings[0] if keyword.spellings else keyword.phrase)
                keywords.append(keyword)
        except ValueError as error:
            problems.append(Problem(path, number, str(error)))
    if not keywords:
        raise KeywordFileError("\n".join([f"{path}: has no usable keyword", *map(str, problems)]))
    return KeywordList(tuple(keywords), tuple(problems))


def read_bytes(path: Path) -> bytes:
    """All bytes of a keyword file; KeywordFileError names what cannot be read."""
    try:
        return path.read_bytes()
    except OSError as error:
        raise KeywordFileError(f"{path}: cannot be read: {error.strerror}") from error
