"""Where a service and what belongs to it stand: those of the machine, those of a user."""

import os
import pwd
from pathlib import Path
from typing import Literal

from kwsd.quick_dataclass import dataclass

Scope = Literal["system", "user"]


@dataclass(frozen=True, slots=True)
class Places:
    """Directories, none of which need be there."""

    scope: Scope
    units: Path
    config: Path
    commands: Path
    """For links to the programs."""
    share: Path
    """For completions and man pages."""

    @property
    def keywords(self) -> Path:
        """The keyword file that the service listens for."""
        return self.config / "keywords.txt"

    @property
    def settings(self) -> Path:
        """The configuration of the service."""
        return self.config / "config.toml"

    @property
    def record(self) -> Path:
        """What was installed, see `kwsd.setup.installed`."""
        return self.config / "installed.json"


def find_places(scope: Scope, root: Path = Path("/")) -> Places:
    """Those of the machine, or of this user; below another root for images of machines."""
    if scope == "system":
        local = root / "usr/local"
        return Places(scope, root / "etc/systemd/system", root / "etc/kwsd", local / "bin", local / "share")
    home = Path(os.environ.get("HOME") or pwd.getpwuid(os.geteuid()).pw_dir)
    config = Path(os.environ.get("XDG_CONFIG_HOME") or home / ".config")
    share = Path(os.environ.get("XDG_DATA_HOME") or home / ".local/share")

    def below(path: Path) -> Path:
        return root / path.relative_to("/")

    return Places(
        scope,
        units=below(config / "systemd/user"),
        config=below(config / "kwsd"),
        commands=below(home / ".local/bin"),
        share=below(share),
    )
