"""The models that can be fetched: address, checksum, size and licence of each, and of each file in it."""

from pathlib import Path

from kwsd.errors import ModelError
from kwsd.quick_dataclass import dataclass
from kwsd.small_files import parse_toml, read_small

PACKAGED = Path(__file__).with_name("registry.toml")


@dataclass(frozen=True, slots=True, kw_only=True)
class RegistryFile:
    """A file of an installed model."""

    name: str
    """What it is called once installed."""
    member: str
    """What it is called inside the archive, below the archive's root."""
    size: int | None = None
    """Bytes; None where nobody could establish them."""
    sha256: str | None = None
    """None where nobody could establish it: what the first download has is then recorded and trusted."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RegistryEntry:
    """A model that can be fetched as one archive."""

    name: str
    about: str
    url: str
    root: str
    """The directory inside the archive that holds the members."""
    licence: str
    """What is known of it, in words."""
    files: tuple[RegistryFile, ...]
    sha256: str | None = None
    """Of the archive."""
    size: int | None = None
    """Of the archive, bytes."""
    note: str = ""
    """What a person should know before fetching it."""

    def __post_init__(self) -> None:
        """Raises ValueError: it cannot be fetched, or would be nothing."""
        if not self.files:
            raise ValueError(f"{self.name} names no files")
        if not str(self.url).startswith(("https://", "http://")):
            raise ValueError(f"{self.name} has no url that starts with https://")


def read_registry(path: Path = PACKAGED) -> tuple[RegistryEntry, ...]:
    """All entries of a registry file, in its order.

    Raises:
        ModelError: the file cannot be read, or an entry lacks something.
    """
    try:
        tables = parse_toml(read_small(path))
        return tuple(
            RegistryEntry(name=name, files=tuple(RegistryFile(**file) for file in table.pop("files", ())), **table)
            for name, table in tables.items()
        )
    except (OSError, ValueError, TypeError, AttributeError) as error:
        raise ModelError(f"{path}: is not a model registry: {error}") from error


def find_entry(name: str, registry: tuple[RegistryEntry, ...]) -> RegistryEntry:
    """The entry of that name, in whatever case, or of that archive.

    Raises:
        ModelError: there is none; the message lists those there are.
    """
    wanted = name.casefold()
    for entry in registry:
        if wanted in {entry.name.casefold(), entry.root.casefold()}:
            return entry
    names = ", ".join(entry.name for entry in registry)
    raise ModelError(f"no model is called {name}; there are: {names}")
