"""Puts into the root of the Debian package what is not a library: programs, units, settings, completions, man pages.

Usage: python debian/lay_out.py ROOT TREE        TREE is that of the commit: systemd/ and keywords/ are taken from it
"""

import gzip
import shutil
import sys
from configparser import ConfigParser
from pathlib import Path

from kwsd.cli.ctl_service import documents
from kwsd.setup.units import PROGRAMS

HOME = Path("/usr/lib/kwsd")
PLACES = {"zsh/site-functions": "zsh/vendor-completions"}
"""Where Debian wants it otherwise than below /usr/local."""


def main(root: Path, tree: Path) -> None:
    """Everything below `root`."""
    programs(root)
    for scope in ("system", "user"):
        units = root / "usr/lib/systemd" / scope
        units.mkdir(parents=True)
        for path in sorted((tree / "systemd" / scope).glob("kwsd*")):
            (units / path.name).write_text(PROGRAMS.sub(f"{HOME}/bin/", path.read_text()))
    settings = root / "etc/kwsd"
    settings.mkdir(parents=True)
    shutil.copy(tree / "systemd/system/config.toml", settings)
    shutil.copy(tree / "keywords/commands_small.txt", settings / "keywords.txt")
    for name, text in documents().items():
        place = str(name)
        for ours, theirs in PLACES.items():
            place = place.replace(ours, theirs)
        path = root / "usr/share" / place
        path.parent.mkdir(parents=True, exist_ok=True)
        if "man/" in place:
            path.with_name(path.name + ".gz").write_bytes(gzip.compress(text.encode(), mtime=0))
        else:
            path.write_text(text)


def programs(root: Path) -> None:
    """A script for each of the wheel's, and a link to it in /usr/bin."""
    (points,) = (root / HOME.relative_to("/")).glob("lib/python*/site-packages/kwsd-*.dist-info/entry_points.txt")
    parser = ConfigParser()
    parser.read(points)
    links = root / "usr/bin"
    links.mkdir(parents=True)
    for name, target in parser["console_scripts"].items():
        module, _, function = target.partition(":")
        script = root / HOME.relative_to("/") / "bin" / name
        script.write_text(
            f"#!{HOME}/bin/python -I\nimport sys\nfrom {module} import {function}\nsys.exit({function}())\n"
        )
        script.chmod(0o755)
        (links / name).symlink_to(f"../lib/kwsd/bin/{name}")


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
