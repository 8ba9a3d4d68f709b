"""Plain text for pages: in it no mark means anything but a pair of backticks."""

import re

MARKS = re.compile(r"([*_\[\]])")


def cell(text: str) -> str:
    """Text for a cell of a table, or for a paragraph."""
    parts = " ".join(text.split()).split("`")
    parts[::2] = [MARKS.sub(r"\\\1", part.replace("<", "&lt;")) for part in parts[::2]]
    return "`".join(parts).replace("|", r"\|")
