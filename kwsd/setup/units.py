"""The units that come with kwsd, written for where its programs are on this machine."""

import os
import re
import site
import sys
import tempfile
from pathlib import Path

from kwsd.errors import KwsdError
from kwsd.quick_dataclass import dataclass
from kwsd.setup.places import Scope

SHIPPED = (Path(__file__).parents[1] / "data" / "systemd", Path(__file__).parents[2] / "systemd")
"""In the installed package; in the source tree."""
PROGRAMS = re.compile(r"(?:/opt/kwsd|%h/\.local)/bin/")
"""Where the units say that the programs are."""
HOMES = tuple(map(Path, ("/home", "/root", "/run/user")))
"""What ProtectHome= hides from the system's units."""
OTHERS_MAY_ENTER, OTHERS_MAY_READ = 0o001, 0o004


@dataclass(frozen=True, slots=True)
class Programs:
    """The kwsd that runs now, as a unit is to start it."""

    directory: Path
    """Of `kwsd`, `kwsctl` and the bridges."""
    seen: tuple[Path, ...]
    """Directories that a service needs to see: environment, Python, packages."""


def running_programs() -> Programs:
    """Those beside this Python."""
    # sysconfig's scripts directory is where pip, pipx and uv put them; a link to Python would lead elsewhere.
    directory = Path(sys.executable).parent
    packages = (Path(__file__).parents[2], *map(Path, site.getsitepackages()))
    places = [Path(sys.prefix), Path(sys.base_prefix), *packages]
    whole = sorted({place for each in places for place in (each, each.resolve()) if place.exists()})
    outer = [place for place in whole if not any(place.is_relative_to(other) for other in whole if other != place)]
    return Programs(directory, tuple(outer))


def shipped_units(scope: Scope) -> dict[str, str]:
    """Name → text of each that comes with kwsd."""
    home = next(home / scope for home in SHIPPED if (home / scope).is_dir())
    found = (path for path in sorted(home.iterdir()) if path.suffix in {".service", ".socket"})
    return {path.name: path.read_text(encoding="utf-8") for path in found}


def shipped_settings(scope: Scope) -> str:
    """The configuration that a new installation begins with."""
    return next(path for home in SHIPPED if (path := home / scope / "config.toml").is_file()).read_text("utf-8")


def units_for(scope: Scope, programs: Programs) -> dict[str, str]:
    """The units of a scope, with these programs. Raises KwsdError where a service could not run them."""
    _require_visible(programs)
    hidden = [place for place in programs.seen if any(place.is_relative_to(home) for home in HOMES)]
    if scope == "system":
        _require_readable(programs, hidden)
    units = {}
    for name, text in shipped_units(scope).items():
        written = PROGRAMS.sub(lambda _: f"{_escaped(programs.directory)}/", text)
        if scope == "system" and hidden:
            shown = " ".join(map(_escaped, hidden))
            homes = f"# Of homes it sees what it runs from.\nProtectHome=tmpfs\nBindReadOnlyPaths={shown}\n"
            written = written.replace("ProtectHome=yes\n", homes)
        units[name] = written
    return units


def _require_visible(programs: Programs) -> None:
    """Every unit has a /tmp of its own."""
    for place in programs.seen:
        for temporary in {Path(tempfile.gettempdir()), Path("/tmp"), Path("/var/tmp")}:  # noqa: S108 - named, not used
            if place.is_relative_to(temporary):
                raise KwsdError(f"{place}: a service has a {temporary} of its own; install kwsd elsewhere, by pipx")


def _require_readable(programs: Programs, hidden: list[Path]) -> None:
    """The system's service is a user of its own; what is bound into an empty home needs no way through the real one."""
    for place in programs.seen:
        if not place.stat().st_mode & OTHERS_MAY_READ or not place.stat().st_mode & OTHERS_MAY_ENTER:
            raise KwsdError(f"{place}: other users may not read it, so the service may not; chmod -R o+rX {place}")
        for parent in () if place in hidden else place.parents:
            if not parent.stat().st_mode & OTHERS_MAY_ENTER:
                raise KwsdError(f"{parent}: other users may not enter it, so the service may not; chmod o+x {parent}")


def _escaped(path: Path) -> str:
    """As a unit's line takes it."""
    return re.sub(r"([\s\"'\\])", lambda found: f"\\x{ord(found[0]):02x}", os.fspath(path)).replace("%", "%%")
