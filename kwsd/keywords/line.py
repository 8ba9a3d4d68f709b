"""What a reader of one dialect hands over for each line or table: a keyword, or what is wrong with it."""

from kwsd.keywords.keyword import Keyword
from kwsd.quick_dataclass import dataclass


@dataclass(frozen=True, slots=True)
class Line:
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
