"""From an earlier version to this one: a copy of what was there, state in today's form, thresholds that are told.

Settings, keyword files and clips stay where they are and as they are. A threshold is a number that one model's scores
are held against: with another model, or another way to score, it means something else, and what it is to be now only
who set it can say.
"""

import os
import re
import shutil
from collections.abc import Sequence
from filecmp import cmp
from itertools import count
from pathlib import Path

from kwsd.config import LoadedSettings
from kwsd.quick_dataclass import dataclass
from kwsd.setup.renewed_state import renew_state
from kwsd.setup.thresholds import STATES, find_thresholds, keyword_files
from kwsd.setup.version import EARLIER, INSTALLED, RECORD, Version

RAN = ("state-*.json", ".marks.json")
"""Files that only a kwsd which has run leaves: its state, `tuning.marks`."""
CLIPS = "*T*Z-*.wav"
UNITS = "*/kwsd.service"
"""Below the folder of systemd beside that of the settings: the first versions left nothing but this and clips."""
_SPECIAL = re.compile(r"[^A-Za-z0-9.]+")


@dataclass(frozen=True, slots=True)
class Migration:
    """What came from which version."""

    before: Version | None
    """None where nothing of an earlier version is there."""
    now: Version
    backup: Path | None = None
    told: Sequence[str] = ()
    """What could not be carried over, a line each."""
    thresholds: Sequence[str] = ()
    """Those that mean something else now, a line each."""


def migrate(loaded: LoadedSettings, state: Path, *, acknowledged: bool) -> Migration:
    """Carry over what an earlier version left; nothing, and quickly, where this one left it.

    `acknowledged` is whether a person is told of the thresholds now; until then every call gives them.

    Raises:
        KwsdError: the model cannot be found, or the record is damaged.
        OSError: the copy or the record cannot be written. Nothing has changed then.
    """
    now, before = Version.of(loaded), Version.read(state / RECORD)
    if before == now:
        return Migration(None, now)
    files = files_of(loaded, state)
    if before is None:
        before = found_before(loaded, files)
        if before == now or (before is None and not (acknowledged and files)):
            now.write(state)
            return Migration(None, now)
        before = before or EARLIER
    backup = back_up(files, state / _SPECIAL.sub("-", f"before-{now.kwsd}-{now.thresholds}"))
    told = [line for path in sorted(state.glob(STATES)) for line in renew_state(path)]
    thresholds = () if before.thresholds == now.thresholds else list(find_thresholds(loaded, state))
    noted = now if acknowledged or not thresholds else Version(now.kwsd, before.thresholds)
    if noted != before:
        noted.write(state)
    return Migration(before, now, backup, told, thresholds)


def found_before(loaded: LoadedSettings, files: Sequence[Path]) -> Version | None:
    """By what there is where no state is noted: the version that was installed, an earlier one that ran; None."""
    clips, file = loaded.settings.daemon.save_detections, loaded.file
    if any(path.match(sign) for path in files for sign in RAN) or any(clips.glob(CLIPS) if clips else ()):
        return EARLIER
    if file is None:
        return None
    home = file.absolute().parent
    was_installed = home / "installed.json" in files or any(home.with_name("systemd").glob(UNITS))
    return Version.read(home / INSTALLED) or (EARLIER if was_installed else None)


def files_of(loaded: LoadedSettings, state: Path) -> Sequence[Path]:
    """What a person, a program or kwsd's own commands have set and noted; but no sound."""
    settings, clips = loaded.settings, loaded.settings.daemon.save_detections
    record = loaded.file and loaded.file.with_name("installed.json")
    marks = clips and clips / ".marks.json"
    named = (loaded.file, *keyword_files(loaded), settings.sentences, *sorted(state.glob(STATES)), record, marks)
    return [path.absolute() for path in named if path and path.is_file()]


def back_up(files: Sequence[Path], folder: Path) -> Path:
    """Copies with their whole paths below `folder`, made whole; one that is there stays as it is.

    Where that is of the same files it does; else the next is made, `folder` with a number behind it.
    """
    place = folder
    for number in count(2):
        if not place.exists():
            break
        if is_copy(place, files):
            return place
        place = folder.with_name(f"{folder.name}-{number}")
    part = place.with_name(f".{place.name}.part")
    shutil.rmtree(part, ignore_errors=True)
    part.mkdir(mode=0o700, parents=True)
    for inner, path in below(files).items():
        copy = part / inner
        copy.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        shutil.copy2(path, copy)
    part.rename(place)
    return place


def is_copy(folder: Path, files: Sequence[Path]) -> bool:
    """Whether `folder` has these files as they are now, and no others."""
    there = {path.relative_to(folder) for path in folder.rglob("*") if path.is_file()}
    wanted = below(files)
    return there == {*wanted} and all(cmp(folder / inner, path, shallow=False) for inner, path in wanted.items())


def below(files: Sequence[Path]) -> dict[Path, Path]:
    """Where each lies in a copy: at its whole path, which nothing leads out of."""
    return {Path(os.path.normpath(path)).relative_to("/"): path for path in files}
