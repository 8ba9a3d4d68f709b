"""The lists that come with kwsd: found by their name, wherever one stands."""

import shlex
from pathlib import Path

from kwsd.errors import nearest_of
from kwsd.homes import exists

SHIPPED = (Path(__file__).parents[1] / "data" / "keywords", Path(__file__).parents[2] / "keywords")
"""In the installed package; in the source tree."""


def shipped_lists() -> dict[str, Path]:
    """File name → where it is."""
    found = (path for home in SHIPPED for path in sorted(home.glob("*")) if path.suffix in {".txt", ".toml"})
    return {path.name: path for path in found}


def find_list(typed: Path, base: Path = Path()) -> Path:
    """The file that was meant: the one below `base`, else the list of that name (`demo.txt`, `keywords/demo.txt`)."""
    path = base / typed
    if typed.parts[:-1] in {(), ("keywords",)} and not exists(path):
        return shipped_lists().get(typed.name, path)
    return path


READ_AGAIN = "write the phrases to a file, which is read again when it changes"
"""To who gives a pipe or standard input as a list."""


def no_such_list(path: Path) -> str:
    """What to tell who wrote a phrase where a file is wanted, or mistyped the name of a list that comes with kwsd."""
    if str(path) == "-":
        return f"-: keywords do not come on standard input; {READ_AGAIN}"
    shipped = list(shipped_lists())
    nearest = nearest_of(path.name, shipped, 0.8)
    if nearest:
        return f"{path}: there is no such file; did you mean {nearest[0]}, which comes with kwsd?"
    if not path.suffix and path.name == str(path):
        what = "keywords are read from a text file with one phrase per line"
        return f"{path}: there is no such file; {what}: echo {shlex.quote(str(path))} > commands.txt"
    lists = ", ".join(shipped)
    return f"{path}: there is no such file; write one phrase per line, or take a list that comes with kwsd: {lists}"
