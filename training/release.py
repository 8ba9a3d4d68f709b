"""Packs what the wheel leaves out as archives for a release, and names them in the registry of models.

`python -m training.release OUT`: the same files give the same archives, to the bit, so the registry can know their
checksums before they are published.
"""

import argparse
import io
import tarfile
import tomllib
from pathlib import Path

from kwsd.models.description import DESCRIPTION
from kwsd.models.download import checksum
from kwsd.models.registry import PACKAGED

ROOT = Path(__file__).parents[1]
ADDRESS = "https://github.com/kwsd/kwsd/releases/download/models"
MARK = "# Written by `python -m training.release`, which packs these archives: what the wheel leaves out.\n"
ABOUT = {
    "kwsd-en": "kwsd-en with the weights that training goes on from, and its encoder as other programs run it",
    "commands12": "networks for the fixed words that were measured beside those that come with kwsd",
}
NOT_PACKED = frozenset({".md", ".png", ".csv"})
"""Cards and curves: they change without the model being another."""


def packed_files(directory: Path) -> list[Path]:
    """Files of a release in their order; of the fixed words the networks alone: their description comes with kwsd."""
    found = [path for path in sorted(directory.iterdir()) if path.suffix not in NOT_PACKED]
    return [path for path in found if path.suffix == ".onnx"] if directory.name == "commands12" else found


def pack(directory: Path, out: Path) -> str:
    """Write the archive of a model directory into `out` → its entry in the registry."""
    description = tomllib.loads((directory / DESCRIPTION).read_text(encoding="utf-8"))
    root = f"{directory.name}-full-{description['version']}"
    archive = out / f"{root}.tar"
    with tarfile.open(archive, "w", format=tarfile.USTAR_FORMAT) as tar:
        for path in packed_files(directory):
            member = tarfile.TarInfo(f"{root}/{path.name}")  # owner, time and mode of this machine stay here
            content = path.read_bytes()
            member.size = len(content)
            tar.addfile(member, io.BytesIO(content))
    lines = [
        f'["{directory.name}-full"]',
        f'about = "{ABOUT[directory.name]}"',
        f'url = "{ADDRESS}/{archive.name}"',
        f'sha256 = "{checksum(archive)}"',
        f"size = {archive.stat().st_size:_}",
        f'root = "{root}"',
        f'licence = "{description["licence"]}"',
    ]
    for path in packed_files(directory):
        lines += ["", f'[["{directory.name}-full".files]]', f'name = "{path.name}"', f'member = "{path.name}"']
        lines += [f"size = {path.stat().st_size:_}", f'sha256 = "{checksum(path)}"']
    return "\n".join(lines) + "\n"


def write_releases(out: Path, registry: Path = PACKAGED) -> None:
    """All archives into `out`, and their entries behind the mark of the registry."""
    entries = [pack(ROOT / "models" / name, out) for name in ABOUT]
    kept, _, _ = registry.read_text(encoding="utf-8").partition(MARK)
    registry.write_text(kept + MARK + "\n" + "\n".join(entries), encoding="utf-8")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="python -m training.release", description=__doc__)
    parser.add_argument("out", type=Path, help="folder for the archives")
    arguments = parser.parse_args()
    arguments.out.mkdir(parents=True, exist_ok=True)
    write_releases(arguments.out)
