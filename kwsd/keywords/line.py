"""What a reader of one dialect hands over for each line or table: a keyword, or what is wrong with it."""

from dataclasses import dataclass

from kwsd.keywords.keyword import Keyword

LONGEST_TEXT = 500  # characters of a line, phrase or name; what is longer is a file of another kind


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of a text file, or one `[[keyword]]` of a TOML file."""

    line: int | None
    """From 1; None in TOML, whose reader does not tell."""
    table: int | None = None
    """From 1; None in text."""
    keyword: Keyword | None = None
    """None where it cannot be used."""
    faults: tuple[str, ...] = ()

    @property
    def place(self) -> str:
        """For people: `line 7` or `keyword 3`."""
        return f"line {self.line}" if self.table is None else f"keyword {self.table}"


def check_text(text: str) -> None:
    """Refuse what nobody types on purpose.

    Raises:
        ValueError: the text is far too long, or has a character that cannot be seen.
    """
    if len(text) > LONGEST_TEXT:
        raise ValueError(f"is {len(text)} characters long; {LONGEST_TEXT} are allowed")
    for column, character in enumerate(text, start=1):
        if not (character.isprintable() or character.isspace()):
            raise ValueError(f"character {column} is U+{ord(character):04X}, which cannot be seen; delete it")
