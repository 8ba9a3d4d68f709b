"""What is written for a person: whole lines, and nothing in them that commands a terminal, whoever named it."""

import os
import stat
import sys

from kwsd.outlets.stdout import write_line
from kwsd.records import printable


def comes_by_stdin() -> bool:
    """Whether somebody sends something on standard input: a pipe or a file, no terminal."""
    mode = os.fstat(0).st_mode
    return stat.S_ISFIFO(mode) or stat.S_ISREG(mode)


def say(text: str) -> None:
    """Lines to standard output. Raises OSError: it is full or closed."""
    for line in text.splitlines():
        write_line(printable(line))


def tame_streams() -> None:
    """Letters that an output does not have are escaped, instead of ending the program. One that is closed says so.

    Where stdin, stdout or stderr was closed, no other file may take its number: what is printed would go into it. To
    write to such a stdout fails as to a full disk; stderr, where that would be told, takes it and is silent.
    """
    for number, mode in enumerate((os.O_RDONLY, os.O_RDONLY, os.O_WRONLY)):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, mode)  # takes the smallest number that is free
    sys.stdout = sys.stdout or os.fdopen(1, "w", closefd=False)
    sys.stderr = sys.stderr or os.fdopen(2, "w", closefd=False)
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")
