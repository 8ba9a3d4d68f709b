"""Takes of one keyword on disk, until they were learned from: what ends that too soon costs nobody a saying."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import suppress
from hashlib import sha256
from pathlib import Path

from kwsd.audio.wav import to_pcm, wav_bytes
from kwsd.errors import KwsdError
from kwsd.small_files import written_whole
from kwsd.stream import Float32
from kwsd.tuning.takes import Take, read_take

KEPT_S = 3600.0  # somebody else may sit there after an hour


class KeptTakes:
    """A folder of recordings, for their owner alone."""

    def __init__(self, work: Path, name: str) -> None:
        """Of the keyword `name`, below the folder that frames are kept in."""
        self.folder = work / "takes" / sha256(name.encode()).hexdigest()[:16]

    def read(self) -> Iterator[Take]:
        """Those of the last hour, in the order of their recording; older ones are deleted, of any keyword."""
        for path in self.folder.parent.glob("*/*.wav"):
            with suppress(OSError):
                if time.time() - path.stat().st_mtime > KEPT_S:
                    path.unlink()
        for number, path in enumerate(self._files()):
            with suppress(KwsdError):
                take = read_take(path)
                yield Take(f"take {number + 1}", take.speech, take.level_db, take.noise_db)

    def add(self, sound: Float32) -> None:
        """What was recorded, with the pauses around it. Raises OSError: it cannot be written."""
        for missing in (self.folder.parent.parent, self.folder.parent, self.folder):
            missing.mkdir(mode=0o700, parents=True, exist_ok=True)
        path = self.folder / f"{time.time_ns()}.wav"
        with written_whole(path) as part:
            part.touch(mode=0o600)
            part.write_bytes(wav_bytes(to_pcm(sound)))

    def forget(self) -> None:
        """They were learned from."""
        for path in self._files():
            path.unlink(missing_ok=True)
        with suppress(OSError):
            self.folder.rmdir()

    def _files(self) -> list[Path]:
        return sorted(self.folder.glob("*.wav"))
