"""Keyword files to keywords, and to the problems of whatever in them is none. The format: `keywords/README.md`."""

import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from errno import EINVAL
from pathlib import Path

from kwsd.errors import KeywordFileError, NothingUsableError, first_few
from kwsd.homes import expanded
from kwsd.keywords.doubts import doubts
from kwsd.keywords.keyword import Keyword
from kwsd.keywords.line import Line
from kwsd.keywords.no_text import BOM, why_no_text
from kwsd.keywords.sequences import first_sequence
from kwsd.keywords.shipped import READ_AGAIN, no_such_list
from kwsd.keywords.text_lines import read_lines
from kwsd.keywords.toml_tables import read_tables
from kwsd.quick_dataclass import dataclass
from kwsd.small_files import read_small
from kwsd.text.phrase_tokenizer import PhraseTokenizer

_BEHIND_ANOTHER = "this list follows a keyword itself, and lists do not follow each other; take it out"


@dataclass(frozen=True, slots=True)
class Problem:
    """Why something was not taken. `str()` is `file:line: what and why`, or `file: keyword 3: …` for a TOML table."""

    path: Path | None
    """None where a program gave the keywords."""
    line: int | None
    """None in TOML, whose reader does not tell; the text then names the table."""
    text: str

    def __str__(self) -> str:
        place = self.path if self.line is None else f"{self.path}:{self.line}"
        return self.text if self.path is None else f"{place}: {self.text}"


@dataclass(frozen=True, slots=True)
class KeywordList:
    """What a keyword file holds: the keywords run, the problems are for people to read."""

    keywords: tuple[Keyword, ...]
    problems: tuple[Problem, ...] = ()


def read_keyword_file(path: Path, tokenizer: PhraseTokenizer, *, is_behind: bool = False) -> KeywordList:
    """Read a keyword file: TOML where the name ends in `.toml`, else text in either dialect.

    A keyword that repeats an earlier one is a problem, and the earlier one stays. One whose `then` is not usable stays
    without it; the files of the others are given with their whole path. `is_behind`: it is such a file itself.

    Raises:
        KeywordFileError: the file cannot be read or has no usable keyword; the message holds every problem.
    """
    try:
        content = read_small(path)
    except FileNotFoundError as error:
        raise KeywordFileError(no_such_list(path)) from error
    except OSError as error:
        remedy = f"; {READ_AGAIN}" if error.errno == EINVAL else ""  # no regular file
        raise KeywordFileError(f"{path}: cannot be read: {error.strerror}{remedy}") from error
    if strange := why_no_text(content, is_toml=_is_toml(path)):
        raise KeywordFileError(f"{path}: {strange}")
    keywords: list[Keyword] = []
    problems: list[Problem] = []
    lists: dict[str, str] = {}
    for each in judge(_entries(path, content.removeprefix(BOM)), tokenizer):
        keyword, faults = each.keyword, each.faults
        if keyword is not None and keyword.then:
            file = _file_behind(path, keyword)
            if file not in lists:  # what is wrong with one that several arm is told once
                is_usable, told = (False, (_BEHIND_ANOTHER,)) if is_behind else _look_behind(file, path, tokenizer)
                faults, lists[file] = (*faults, *(f"then: {fault}" for fault in told)), file if is_usable else ""
            keyword = replace(keyword, then=lists[file])
        keywords.extend([] if keyword is None else [keyword])
        place = "" if each.table is None else f"{each.place}: "
        problems.extend(Problem(path, each.line, place + fault) for fault in faults)
    if not keywords:
        remedy = "one [[keyword]] with its phrase" if _is_toml(path) else "one phrase per line"
        told = [f"{path}: has no usable keyword; write {remedy}", *first_few(map(str, problems))]
        raise NothingUsableError("\n".join(told), problems)
    return KeywordList(tuple(keywords), tuple(problems))


def lists_behind(path: Path) -> tuple[Path, ...]:
    """The files that keywords of this one arm, beside it or below, whether they can be used or not."""
    try:
        entries = read_tables(read_small(path)) if _is_toml(path) else []
    except (OSError, ValueError):
        return ()
    files = {Path(_file_behind(path, each.keyword)) for each in entries if each.keyword and each.keyword.then}
    return tuple(sorted(file for file in files if file.is_relative_to(os.path.normpath(path.parent))))


def _file_behind(path: Path, keyword: Keyword) -> str:
    return os.path.normpath(path.parent / expanded(keyword.then))


def _look_behind(file: str, path: Path, tokenizer: PhraseTokenizer) -> tuple[bool, Sequence[str]]:
    """Whether the file that a keyword of `path` names can be used, and what is wrong with it.

    It lies in the folder of `path`, or below: whoever may write keywords cannot have any other file read out.
    """
    folder = os.path.normpath(path.parent)
    if not Path(file).is_relative_to(folder):
        return False, [f"{file} lies outside {folder}; keep it beside the keyword file that names it"]
    try:
        return True, [str(problem) for problem in read_keyword_file(Path(file), tokenizer, is_behind=True).problems]
    except KeywordFileError as error:
        return False, str(error).splitlines()


def check_keywords(keywords: Sequence[Keyword], tokenizer: PhraseTokenizer) -> KeywordList:
    """Keywords that a program gave, as a list: what the file would be told of them is told."""
    faults = ((number, fault) for number, keyword in enumerate(keywords, 1) for fault in doubts(keyword, tokenizer))
    problems = tuple(Problem(None, None, f"keyword {number}: {fault}") for number, fault in faults)
    return KeywordList(tuple(keywords), problems)


def judge(entries: Iterable[Line], tokenizer: PhraseTokenizer) -> Iterator[Line]:
    """Each entry, with its keyword if that can be used, and all that is wrong with it."""
    taken: dict[tuple[int, ...], str] = {}
    for entry in entries:
        if entry.keyword is None:
            yield entry
            continue
        refusal = ""
        try:
            tokens = first_sequence(entry.keyword, tokenizer).tokens
        except ValueError as error:
            refusal = str(error)
        else:
            earlier = taken.setdefault(tokens, entry.place) if entry.keyword.enabled else entry.place
            if earlier != entry.place:
                refusal = f'"{entry.keyword.phrase}" is the same as {earlier}, which stays'
        faults = (refusal,) if refusal else doubts(entry.keyword, tokenizer)
        yield replace(entry, keyword=None if refusal else entry.keyword, faults=(*entry.faults, *faults))


def _is_toml(path: Path) -> bool:
    return path.suffix.lower() == ".toml"


def _entries(path: Path, content: bytes) -> Iterable[Line]:
    if not _is_toml(path):
        return read_lines(content)
    try:
        return read_tables(content)
    except ValueError as error:
        raise KeywordFileError(f"{path}: {error}") from error
