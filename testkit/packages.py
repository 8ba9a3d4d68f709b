"""Wheels of this checkout, and environments that hold kwsd and no more than `pip install kwsd` would bring."""

import subprocess
import sys
import venv
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path
from zipfile import ZipFile

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[1]
PYTHON = f"python{sys.version_info[0]}.{sys.version_info[1]}"


def build_wheel(out: Path, source: Path = ROOT) -> Path:
    """The wheel of a tree, built without a network."""
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(out)]
    subprocess.run(command, cwd=source, check=True, capture_output=True)
    (built,) = out.glob("*.whl")
    return built


def unpack(wheel: Path, home: Path, inside: Path, packages: str) -> None:
    """Put a wheel and its programs into the environment at `home`, which will be used as `inside`.

    Packages is a directory whose packages are there too.
    """
    site = home / "lib" / PYTHON / "site-packages"
    site.mkdir(parents=True, exist_ok=True)
    ZipFile(wheel).extractall(site)
    (site / "needs.pth").write_text(f"{packages}\n")
    (points,) = site.glob("kwsd-*.dist-info/entry_points.txt")
    for line in points.read_text().splitlines():
        if " = kwsd." in line:
            name, _, module = line.removesuffix(":main").partition(" = ")
            script = home / "bin" / name
            script.write_text(f"#!{inside}/bin/python\nimport sys\nfrom {module} import main\nsys.exit(main())\n")
            script.chmod(0o755)


def plain_environment(home: Path, wheel: Path) -> Path:
    """bin/ of an environment with the wheel and, linked from ours, what it requires without any extra."""
    venv.create(home, symlinks=True)
    needs = home / "needs"
    needs.mkdir()
    for name in sorted(set(_required("kwsd"))):
        installed = distribution(name)
        for top in {file.parts[0] for file in installed.files or () if not file.parts[0].startswith(("..", "__"))}:
            (needs / top).symlink_to(Path(str(installed.locate_file(top))).resolve())
    unpack(wheel, home, home, str(needs))
    return home / "bin"


def _required(name: str) -> Iterator[str]:
    """Distributions that one needs, and those that they need, without extras."""
    for line in distribution(name).requires or ():
        requirement = Requirement(line)
        if requirement.marker is None or requirement.marker.evaluate({"extra": ""}):
            try:
                distribution(requirement.name)
            except PackageNotFoundError:
                continue  # of another Python or platform, named by one that does not need it here
            yield canonicalize_name(requirement.name)
            yield from _required(requirement.name)
