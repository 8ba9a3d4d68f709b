"""Models to and on this disk: pulled from the registry, and verified later. Nothing here runs when a daemon starts."""

import shutil
import tarfile
import tempfile
from pathlib import Path

from kwsd.errors import ModelError, first_few
from kwsd.models.description import read_description
from kwsd.models.directory import LARGEST_FILE_BYTES
from kwsd.models.download import Advance, DownloadError, checksum, download
from kwsd.models.registry import RegistryEntry
from kwsd.small_files import read_small

CHECKSUMS = "SHA256SUMS"


def pull(entry: RegistryEntry, home: Path, advance: Advance, archive: Path | None = None) -> Path:
    """Fetch a model into `home`/NAME and return that directory; what was there is replaced once all is verified.

    `archive` is one that was fetched in another way: it is verified as if it had come over the network, and stays.

    Raises:
        DownloadError: the network failed, or the archive is not there or not what the registry says.
        ModelError: `home` cannot be written.
    """
    fetched = archive or home / Path(entry.url).name
    try:
        if archive is None:
            download(entry.url, fetched, sha256=entry.sha256, size=entry.size, advance=advance)
        else:
            home.mkdir(parents=True, exist_ok=True)
            if not archive.is_file():
                raise DownloadError(f"{archive}: no such file; it is fetched from {entry.url}")
            if entry.sha256 and checksum(archive) != entry.sha256:
                raise DownloadError(f"{archive}: is not {Path(entry.url).name} as the registry names it, or damaged")
        with tempfile.TemporaryDirectory(prefix=f".{entry.name}.", dir=home) as temporary:
            staged = Path(temporary) / entry.name
            _unpack(fetched, entry, staged)
            if (home / entry.name).exists():
                (home / entry.name).rename(Path(temporary) / "old")
            staged.rename(home / entry.name)
    except PermissionError as error:
        raise ModelError(f"{home}: cannot be written ({error.strerror}); --to DIR names another place") from error
    if archive is None:
        fetched.unlink()
    return home / entry.name


def verify(directory: Path, entry: RegistryEntry | None = None) -> list[str]:
    """What is wrong with the files of a model directory, one line each; none is well.

    Compared with the checksums in its model.toml and its SHA256SUMS and, if given, those of the registry.
    """
    recorded = dict(read_description(directory).sha256)
    listed = directory / CHECKSUMS
    if listed.exists():
        try:
            lines = [line.split(maxsplit=1) for line in read_small(listed).decode("utf-8").splitlines() if line.strip()]
            recorded.update({name.lstrip("*"): sha256 for sha256, name in lines})
        except (OSError, ValueError) as error:
            raise ModelError(f"{listed}: cannot be used ({error}); delete it, or fetch the model again") from error
    expected = list(recorded.items())
    if entry:
        expected += [(file.name, file.sha256) for file in entry.files if file.sha256]
    complaints = []
    for name, sha256 in dict.fromkeys(expected):
        path = directory / name
        if not path.is_file():
            complaints.append(f"{path}: is no file" if path.exists() else f"{path}: is missing")
        elif checksum(path) != sha256:
            complaints.append(f"{path}: has another checksum than it should: it was changed or damaged")
    return list(dict.fromkeys(complaints))


def require_intact(directory: Path, entry: RegistryEntry | None = None) -> None:
    """Like `verify`.

    Raises:
        ModelError: a file is not what it should be; the message lists all of them.
    """
    problems = verify(directory, entry)
    if problems:
        raise ModelError(
            "\n".join([*first_few(problems), "install kwsd again, or fetch the model: kwsctl models pull NAME"])
        )


def record_checksums(directory: Path) -> None:
    """Write the SHA256SUMS of a directory's files: for those the registry does not know, first seen is trusted."""
    files = sorted(path for path in directory.iterdir() if path.is_file() and path.name != CHECKSUMS)
    lines = (f"{checksum(path)}  {path.name}\n" for path in files)
    (directory / CHECKSUMS).write_text("".join(lines), encoding="utf-8")


def _unpack(archive: Path, entry: RegistryEntry, staged: Path) -> None:
    """Only the files that the registry names leave the archive, under the names it gives them, as plain files."""
    staged.mkdir()
    wanted = {f"{entry.root}/{file.member}": file for file in entry.files}
    try:
        with tarfile.open(archive, "r|*") as tar:
            for member in tar:
                file = wanted.pop(member.name.removeprefix("./"), None)
                content = tar.extractfile(member) if file and member.isfile() else None
                if file and content:
                    if member.size > (file.size or LARGEST_FILE_BYTES):  # before it fills the disk
                        size = f"{file.member} in it has {member.size} bytes"
                        raise DownloadError(f"{entry.url}: {size}, more than the registry allows")
                    with content, (staged / file.name).open("wb") as target:
                        shutil.copyfileobj(content, target)
    except (tarfile.TarError, EOFError, OSError) as error:
        raise DownloadError(f"{entry.url}: cannot be unpacked: {error}") from error
    for file in entry.files:
        path = staged / file.name
        if not path.is_file():
            raise DownloadError(f"{entry.url}: the archive has no {entry.root}/{file.member}")
        if (file.sha256 and checksum(path) != file.sha256) or (file.size and path.stat().st_size != file.size):
            raise DownloadError(f"{entry.url}: {file.member} in it is not the file that the registry names")
    record_checksums(staged)
