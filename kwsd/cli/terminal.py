"""What is written for a person: whole lines, and nothing in them that commands a terminal, whoever named it."""

import sys

from kwsd.events import printable
from kwsd.outlets.stdout import write_line


def say(text: str) -> None:
    """Lines to standard output. Raises OSError: it is full or closed."""
    for line in text.splitlines():
        write_line(printable(line))


def tame_streams() -> None:
    """Letters that an output does not have are escaped, instead of ending the program."""
    for stream in (sys.stdout, sys.stderr):
        if stream is not None and hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")
