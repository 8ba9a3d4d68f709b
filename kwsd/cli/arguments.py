"""Arguments as typed: one that belongs to nothing is told with what it was probably meant for."""

import argparse
import re
import shlex
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from kwsd.errors import nearest_of, shortened
from kwsd.limits import Range, RawFormat

RAW_HELP = "what sound without a header holds: SAMPLES[:HZ[:CHANNELS]], as s16le:48000:2"
_DASHES = "-/\u2010\u2011\u2012\u2013\u2014\u2015\u2212"
"""With what flags begin that were typed for Windows, or copied from a page that made dashes of hyphens."""
SOUND = {".wav", ".flac", ".ogg", ".oga", ".opus", ".mp3", ".aiff", ".aif", ".au", ".raw", ".pcm", ".s16"}


def parse(parser: argparse.ArgumentParser, argv: Sequence[str] | None) -> argparse.Namespace:
    """The arguments, those of the process by default. Ends the process with 2 where they cannot be."""
    parser.exit_on_error = False
    typed = list(sys.argv[1:] if argv is None else argv)
    if typed[:1] == ["help"]:
        typed = [*typed[1:], "--help"]
    try:
        arguments, rest = parser.parse_known_args(typed)
    except argparse.ArgumentError as error:
        wrong = re.fullmatch(r"invalid choice: '(.*)' \(choose from (.*)\)", error.message)
        if wrong is None:
            parser.error(str(error))
        flag = typed[max(0, typed.index(wrong[1]) - 1)] if wrong[1] in typed else ""
        if flag.startswith("--") and flag not in str(error.argument_name):
            parser.error(f"{flag} stands behind the command: {parser.prog} COMMAND {flag} {shlex.quote(wrong[1])}")
        nearest = nearest_of(wrong[1], re.findall(r"[\w.-]+", wrong[2]))
        parser.error(f"there is no {shortened(wrong[1])}; did you mean {nearest[0]}?" if nearest else str(error))
    if rest:
        parser.error(what_was_meant(rest[0], arguments, parser.format_help()))
    return arguments


def add_sound_arguments(parser: argparse.ArgumentParser) -> None:
    """Files, and what `open_source` is told of their sound."""

    def raw_format(typed: str) -> str:
        try:
            RawFormat().check(typed)
        except ValueError as error:
            raise argparse.ArgumentTypeError(f"{shortened(typed)} {error}") from None
        return typed

    parser.add_argument(
        "files", nargs="+", metavar="FILE|-", help="audio files, or - for stdin: s16le 16 kHz, or as --raw says"
    )
    parser.add_argument("--channel", type=int, metavar="N", help="use only this channel, counted from 1")
    parser.add_argument("--raw", type=raw_format, metavar="FORMAT", help=RAW_HELP)


def number(typed: str) -> float:
    """For `type=` of an argument whose range others look after."""
    try:
        return float(typed)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{shortened(typed)} is no number, such as 0.5") from None


def number_in(allowed: Range, kind: type[float] = float) -> Callable[[str], float]:
    """For `type=` of an argument: numbers of this kind in a range, and no others."""

    def one(typed: str) -> float:
        try:
            allowed.check(kind(typed))
        except ValueError:
            raise argparse.ArgumentTypeError(f"{shortened(typed)} is no number {allowed}") from None
        return kind(typed)

    return one


def what_was_meant(word: str, arguments: argparse.Namespace, usage: str) -> str:
    """The flag that an argument without one was meant for, or the one that a mistyped flag is nearest to."""
    flags = re.findall("--[a-z-]+", usage)
    bare = word.lstrip(_DASHES).partition("=")[0]
    if bare != word and f"--{bare}" in flags and not word.startswith(f"--{bare}"):
        return f"{word} begins with no two hyphens; did you mean --{bare}?"
    if word.startswith("-"):
        nearest = nearest_of(word.partition("=")[0], flags, 0.7)
        if re.fullmatch("-[a-z]", word):
            nearest = [flag for flag in flags if flag[2] == word[1]]
        return f"there is no {word}; " + (f"did you mean {nearest[0]}?" if nearest else "--help names what there is")
    if "input" in arguments and Path(word).suffix.lower() in SOUND:
        return f"{word} stands alone; write --input {shlex.quote(word)}"
    if "keywords" not in arguments:
        return f"{word} stands alone; --help names what there is"
    if "input" in arguments and not Path(word).suffix:
        written = f"echo {shlex.quote(word)} > commands.txt"
        return f"{word} stands alone; phrases stand in a text file: {written}, then --keywords commands.txt"
    what = "for a text file with one phrase per line " if "input" in arguments else ""
    return f"{word} stands alone; {what}write --keywords {shlex.quote(word)}"
