"""Which version of kwsd, and of its model, the files of a daemon are of: noted beside its state."""

import json
from dataclasses import asdict
from pathlib import Path

from kwsd import __version__
from kwsd.config import LoadedSettings
from kwsd.errors import KwsdError, reason
from kwsd.models.description import read_description
from kwsd.models.directory import find_model_directory
from kwsd.quick_dataclass import dataclass
from kwsd.small_files import parse_json, read_small, write_private

RECORD = "version.json"
INSTALLED = "installed-version.json"
"""Beside the settings, where `kwsctl install-service` found nothing of an earlier version: which one it installed."""


@dataclass(frozen=True, slots=True)
class Version:
    """Both in words, to be compared and shown."""

    kwsd: str
    thresholds: str
    """The model that thresholds are for, its version, and how it scores."""

    @classmethod
    def of(cls, loaded: LoadedSettings) -> "Version":
        """Of what would run with these settings. Raises ModelError."""
        model = read_description(find_model_directory(loaded.settings.model))
        score = ", one score" if model.confidence else ""
        return cls(__version__, f"{model.name} {model.version}".rstrip() + score)

    @classmethod
    def read(cls, record: Path) -> "Version | None":
        """As noted; None where nobody noted it. Raises KwsdError: it is damaged."""
        try:
            found = parse_json(read_small(record))
            return cls(str(found["kwsd"]), str(found["thresholds"]))
        except FileNotFoundError:
            return None
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise KwsdError(f"{record}: is not what kwsd writes ({reason(error)}); remove it") from error

    def write(self, state: Path) -> None:
        """Note it. Raises OSError."""
        state.mkdir(mode=0o700, parents=True, exist_ok=True)
        write_private(state / RECORD, self.text)

    @property
    def text(self) -> str:
        """What `read` reads."""
        return json.dumps(asdict(self)) + "\n"


EARLIER = Version("an earlier version", "an earlier version")
"""Of files that are older than the record."""
