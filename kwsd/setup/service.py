"""kwsd installed as a service, and removed: units, settings, an example list, links, completions, man pages."""

import grp
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

from kwsd.config import load_settings
from kwsd.errors import KwsdError
from kwsd.keywords.shipped import shipped_lists
from kwsd.quick_dataclass import dataclass
from kwsd.setup.installed import InstalledFiles
from kwsd.setup.places import Places
from kwsd.setup.units import Programs, shipped_settings, shipped_units, units_for
from kwsd.setup.version import INSTALLED, Version

EXAMPLE_LIST = "commands_small.txt"
GROUP = "audio"
"""Who may listen to the system's kwsd; it must be there."""
BOOTED = Path("/run/systemd/system")
STARTS_S = 90


@dataclass(frozen=True, slots=True)
class Outcome:
    """What was done."""

    kept: Sequence[Path]
    """Files that were somebody's own."""
    started: bool
    """Whether it runs now; not where systemd does not, and not below another root."""


def install(places: Places, programs: Programs, documents: Mapping[Path, str], *, start: bool) -> Outcome:
    """Put all in place, or anew: settings and keywords that are there stay as they are.

    Documents are completions and man pages, by their place below `places.share`. Raises KwsdError, also where the
    service does not start.
    """
    units = units_for(places.scope, programs)
    files = InstalledFiles.read(places.record)
    if places.scope == "system" and start:
        _require_group()
    own = (places.record, places.keywords, places.settings, *map(places.units.joinpath, units))
    is_first = not any(map(Path.exists, own))
    write_examples(places)
    installed = places.config / INSTALLED
    current: dict[str, object] = {str(installed): installed}
    with files.noted():
        if is_first:
            files.write(installed, Version.of(load_settings({}, file=places.settings, environ={})).text)
        for name, text in units.items():
            files.write(places.units / name, text)
            current[str(places.units / name)] = name
        for path, text in documents.items():
            files.write(places.share / path, text)
            current[str(places.share / path)] = path
        if places.commands.resolve() != programs.directory.resolve():
            for program in (*sorted(programs.directory.glob("kwsctl")), *sorted(programs.directory.glob("kwsd*"))):
                files.link(places.commands / program.name, program)
                current[str(places.commands / program.name)] = program
        files.drop_others(current)
    if not start or not BOOTED.is_dir():
        return Outcome(files.kept, started=False)
    systemctl(places, "daemon-reload")
    systemctl(places, "enable", "kwsd.service")
    systemctl(places, "restart", "kwsd.service")
    bridges = [name for name in units if name.startswith("kwsd-")]
    if bridges:
        systemctl(places, "try-restart", *bridges)
    return Outcome(files.kept, started=True)


def write_examples(places: Places) -> None:
    """A keyword list and settings, where there are none: from then on they are somebody's own."""
    places.config.mkdir(parents=True, exist_ok=True)
    if not places.keywords.exists():
        shutil.copyfile(shipped_lists()[EXAMPLE_LIST], places.keywords)
    if not places.settings.exists():
        places.settings.write_text(shipped_settings(places.scope), encoding="utf-8")


def remove(places: Places, *, stop: bool) -> Outcome:
    """Stop the service and take away what `install` put in place; settings, keywords, state and clips stay."""
    files = InstalledFiles.read(places.record)
    if not files.sums:
        return Outcome((), started=False)
    told = stop and BOOTED.is_dir()
    if told:
        installed = [name for name in shipped_units(places.scope) if (places.units / name).exists()]
        systemctl(places, "disable", "--now", *installed)
    files.remove()
    if told:
        systemctl(places, "daemon-reload")
    return Outcome(files.kept, started=False)


def systemctl(places: Places, *words: str) -> None:
    """Raises KwsdError with what systemd says, where it refuses."""
    command = ["systemctl", f"--{places.scope}", "--no-ask-password", *words]
    try:
        done = subprocess.run(  # noqa: S603 - the words are ours
            command, capture_output=True, text=True, errors="replace", check=False, timeout=STARTS_S
        )
    except FileNotFoundError:
        raise KwsdError("systemctl is not here; without systemd, start kwsd by hand: docs/daemon.md") from None
    except subprocess.TimeoutExpired:
        raise KwsdError(f"{' '.join(command)}: did not end in {STARTS_S} s") from None
    if done.returncode != 0:
        said = (done.stderr.strip() or done.stdout.strip() or f"exit code {done.returncode}").splitlines()[0]
        log = "journalctl --user -u kwsd -n 30" if places.scope == "user" else "journalctl -u kwsd -n 30"
        raise KwsdError(f"{' '.join(command)}: {said}\nwhy: {log}, or kwsctl doctor")


def _require_group() -> None:
    try:
        grp.getgrnam(GROUP)
    except KeyError:
        raise KwsdError(
            f"there is no group {GROUP}, whose members may use the microphone: groupadd --system {GROUP}"
        ) from None
