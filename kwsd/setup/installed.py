"""Files that kwsd has put somewhere, with their checksums: written anew at an upgrade, taken away at the end.

A file that somebody has changed since is theirs: it is kept beside the new one, and not taken away.
"""

import hashlib
import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from kwsd.errors import KwsdError, reason
from kwsd.small_files import parse_json, read_small

KEPT = ".before"
"""Behind the name of a file that was somebody's own, and stood where one of ours belongs; the next is `.before2`."""
MOST_KEPT = 1000


@dataclass(slots=True)
class InstalledFiles:
    """What the record of an installation says, and what is changed in it."""

    record: Path
    sums: dict[str, str] = field(default_factory=dict)
    """Path → SHA-256 of the content, or `-> TARGET` of a link."""
    kept: list[Path] = field(default_factory=list)
    """Files of somebody's own that were met in this run: copies of them, or they themselves."""

    @classmethod
    def read(cls, record: Path) -> "InstalledFiles":
        """Those of a record; none where there is no record. Raises KwsdError for one that is not ours."""
        if not record.exists():
            return cls(record)
        try:
            sums = parse_json(read_small(record))
            return cls(record, {str(path): str(digest) for path, digest in sums.items()})
        except (OSError, ValueError, AttributeError) as error:
            raise KwsdError(
                f"{record}: is not what kwsctl install-service writes ({reason(error)}); move it away"
            ) from error

    def write(self, path: Path, content: str, mode: int = 0o644) -> None:
        """Put a file in place, whole or not at all; one that is not as we left it is kept beside it."""
        wanted = _digest(content.encode())
        found = _what_is_at(path)
        if found is not None and found not in {wanted, self.sums.get(str(path))}:
            names = (path.with_name(f"{path.name}{KEPT}{number}") for number in ("", *range(2, MOST_KEPT)))
            kept = next(each for each in names if _what_is_at(each) in {None, found})
            path.rename(kept)
            self.kept.append(kept)
        if found != wanted:
            path.parent.mkdir(parents=True, exist_ok=True)
            new = path.with_name(f".{path.name}.new")
            new.write_text(content, encoding="utf-8")
            new.chmod(mode)
            new.replace(path)
        self.sums[str(path)] = wanted

    def link(self, path: Path, target: Path) -> None:
        """Put a link in place; whatever else stands there is left alone, and kept unless it leads there too."""
        found, wanted = _what_is_at(path), f"-> {target}"
        if found not in {None, wanted, self.sums.get(str(path))}:
            if path.resolve() != target.resolve():
                self.kept.append(path)
            return
        if found != wanted:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.unlink(missing_ok=True)
            path.symlink_to(target)
        self.sums[str(path)] = wanted

    def drop_others(self, current: Mapping[str, object]) -> None:
        """Take away what an earlier installation put in place and this one does not know any more."""
        for path in [path for path in self.sums if path not in current]:
            self._drop(Path(path))

    def remove(self) -> None:
        """Take everything away that is as we left it, and the record."""
        for path in list(self.sums):
            self._drop(Path(path))
        self.record.unlink(missing_ok=True)

    def _drop(self, path: Path) -> None:
        found, ours = _what_is_at(path), self.sums.pop(str(path))
        if found == ours:
            path.unlink()
        elif found is not None:
            self.kept.append(path)

    @contextmanager
    def noted(self) -> Iterator[None]:
        """Write the record in the end, also where not all could be done: what was can be taken away again."""
        try:
            yield
        finally:
            self.save()

    def save(self) -> None:
        """Write the record."""
        self.record.parent.mkdir(parents=True, exist_ok=True)
        new = self.record.with_name(f".{self.record.name}.new")
        new.write_text(json.dumps(self.sums, indent=1, sort_keys=True) + "\n", encoding="utf-8")
        new.replace(self.record)


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def _what_is_at(path: Path) -> str | None:
    """As in `sums`; None where there is nothing."""
    if path.is_symlink():
        return f"-> {path.readlink()}"
    return _digest(path.read_bytes()) if path.exists() else None
