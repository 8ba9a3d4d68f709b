"""The lists that come with kwsd: found by their name, wherever one stands."""

from pathlib import Path

SHIPPED = (Path(__file__).parents[1] / "data" / "keywords", Path(__file__).parents[2] / "keywords")
"""In the installed package; in the source tree."""


def shipped_lists() -> dict[str, Path]:
    """File name → where it is."""
    found = (path for home in SHIPPED for path in sorted(home.glob("*")) if path.suffix in {".txt", ".toml"})
    return {path.name: path for path in found}


def find_list(typed: Path, base: Path = Path()) -> Path:
    """The file that was meant: the one below `base`, else the list of that name (`demo.txt`, `keywords/demo.txt`)."""
    path = base / typed
    if typed.parts[:-1] in {(), ("keywords",)} and not path.exists():
        return shipped_lists().get(typed.name, path)
    return path
