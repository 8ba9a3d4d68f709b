"""What can go wrong, named. A message names the thing and the remedy; only `cli` makes exit codes of them."""

import reprlib
from collections.abc import Iterable
from typing import Any

DONE, FAILED, WRONG_USAGE, DONE_IN_PART = 0, 1, 2, 3
WRONG_CONFIGURATION = 78  # EX_CONFIG of sysexits.h, which the systemd units do not restart on
INTERRUPTED = 130  # what shells report for a command ended by Ctrl-C
EXIT_CODES = (
    f"exit codes: {DONE} well, {FAILED} failed while running, {WRONG_USAGE} wrong usage, {DONE_IN_PART} done in part, "
    f"{WRONG_CONFIGURATION} wrong configuration,\nkeywords or model."
)

_SHOWN = reprlib.Repr()
_SHOWN.maxstring = _SHOWN.maxother = _SHOWN.maxlong = 60  # a message is for one line of a terminal


MOST_PROBLEMS = 10  # told of one list; then how many more there are
_MOST_LINES = 15  # of a message: ten problems, with what stands before and behind them
_LONGEST_LINE = 1000  # characters of a message: what somebody has put into it may have millions


class KwsdError(Exception):
    """Base of every error that kwsd raises on purpose; `exit_code` is what a command ends with."""

    exit_code = FAILED

    def __init__(self, message: str = "") -> None:
        lines = message.split("\n")
        more = [f"and {len(lines) - _MOST_LINES} more lines"] if len(lines) > _MOST_LINES else []
        super().__init__("\n".join([*map(shortened, lines[:_MOST_LINES]), *more]))


class ConfigError(KwsdError):
    """A setting is wrong: the message names file, key and remedy."""

    exit_code = WRONG_CONFIGURATION


class FlagError(ConfigError):
    """A flag's value is wrong: a mistake of usage."""

    exit_code = WRONG_USAGE


class SettingError(ConfigError, ValueError):
    """A value is not what its setting may be."""


class KeywordFileError(ConfigError):
    """A keyword file has no usable keyword. The message holds one `file:line: what and why` per bad line."""


class NothingUsableError(KeywordFileError):
    """Nothing in a keyword file is for the model that hears now. `problems`: what is wrong with its lines."""

    def __init__(self, message: str, problems: Iterable[Any]) -> None:
        super().__init__(message)
        self.problems: tuple[Any, ...] = tuple(problems)


class SentenceFileError(ConfigError):
    """A file of sentences has no usable one. The message holds one `file:line: what and what to change` per problem."""


class ModelError(ConfigError):
    """A model directory is missing, incomplete or does not run."""


class AudioError(KwsdError):
    """A source of sound cannot be opened or read."""


class TranscriptError(KwsdError):
    """What was said could not be written down: no text, or a transcriber that hangs, dies or writes rubbish."""


def shortened(line: str) -> str:
    """A line of a message without the middle that nobody would read."""
    if len(line) <= _LONGEST_LINE:
        return line
    half = _LONGEST_LINE // 2
    return f"{line[:half]} … {len(line) - 2 * half} characters … {line[-half:]}"


def reason(error: Exception) -> str:
    """What went wrong, in the words of the system where they are its, without the number and the path."""
    return str(getattr(error, "strerror", None) or error)


def first_few(problems: Iterable[str]) -> tuple[str, ...]:
    """What is told of problems: the first ten, and how many more there are."""
    told = [shortened(problem) for problem in problems]
    rest = len(told) - MOST_PROBLEMS
    return (*told[:MOST_PROBLEMS], f"and {rest} more") if rest > 0 else tuple(told)


def nearest_of(word: str, known: Iterable[str], cutoff: float = 0.6) -> list[str]:
    """That of the known words which was most likely meant by a mistyped one; none where nothing is like it."""
    from difflib import get_close_matches  # noqa: PLC0415 - nobody who typed well need pay for it

    return get_close_matches(word, list(known), n=1, cutoff=cutoff)


def explain(key: str, value: object, what: str) -> str:
    """How a value that cannot be is told, whatever it was given to: `threshold: 1.4 is not above 0 and at most 1`."""
    try:
        shown = _SHOWN.repr(value)
    except ValueError:  # an int of more digits than Python prints
        shown = "a number of thousands of digits"
    return f"{key}: {shown} {what}"
