"""What a machine without network needs for training, in parts that each fit one transfer.

Recordings travel as the Opus files they are: every other form measured was larger. They lie end to end in one file,
for an archive would spend 0.8 kB on each of thirty thousand.
"""

import io
import random
import shutil
import tarfile
from collections.abc import Iterable, Sequence
from pathlib import Path

from measure import manifests
from training.zipformer.data.pack import write_pack
from training.zipformer.data.records import Recording

RECORDINGS, INDEX, BEGIN = "recordings.bin", "recordings.tsv", "begin.pt"
UNITS = ("tokens.txt", "lexicon.txt.gz", "letter_sounds.gz", "bpe.model")
COLUMNS = ("bytes", "split", "corpus", "speaker", "text", "licence")
PART = "part-{:02}"
FOUR_WORDS = "speechcommands-yes-no-up-down"
MOST_FOUR_WORDS = 2000
"""Of their 12,107 recordings; an epoch takes 200."""
NOT_MEASURED = frozenset({FOUR_WORDS, "custom-keywords"})
"""Dev corpora that the dev loss leaves out."""


def carried(recordings: Sequence[Recording]) -> list[Recording]:
    """Choose what training on a lent machine needs: without most of the four words, and dev words not asked for."""
    kept = [r for r in recordings if r.corpus != FOUR_WORDS and not (r.split == "dev" and r.corpus in NOT_MEASURED)]
    four = [r for r in recordings if r.corpus == FOUR_WORDS and r.split == "train"]
    return kept + random.Random(0).sample(four, min(MOST_FOUR_WORDS, len(four)))


def bundle(recordings: Sequence[Recording], data: Path, begin: Path | None, out: Path, part_bytes: int) -> list[Path]:
    """Write recordings, the units of a prepared folder and weights to begin with into parts.

    Args:
        recordings: what is to be packed there.
        data: prepared folder, whose units are taken.
        begin: weights or a checkpoint.
        out: where to write parts; older ones are removed.
        part_bytes: most bytes in a part.

    Returns:
        The parts.
    """
    out.mkdir(parents=True, exist_ok=True)
    content = out / "bundle.tar"
    with tarfile.open(content, "w") as archive:
        for name in UNITS:
            if (data / name).exists():
                archive.add(data / name, name)
        if begin is not None:
            archive.add(begin, BEGIN)
        sizes = [r.path.stat().st_size for r in recordings]
        manifests.write(
            out / INDEX,
            COLUMNS,
            [(n, r.split, r.corpus, r.speaker, r.text, r.licence) for n, r in zip(sizes, recordings, strict=True)],
        )
        archive.add(out / INDEX, INDEX)
        (out / INDEX).unlink()
        with (out / RECORDINGS).open("wb") as together:
            for recording in recordings:
                together.write(recording.path.read_bytes())
        archive.add(out / RECORDINGS, RECORDINGS)
        (out / RECORDINGS).unlink()
    return _split(content, out, part_bytes)


def _split(content: Path, out: Path, part_bytes: int) -> list[Path]:
    for old in out.glob(PART.format(0)[:-2] + "*"):
        old.unlink()
    parts: list[Path] = []
    with content.open("rb") as whole:
        while part := whole.read(part_bytes):
            parts.append(out / PART.format(len(parts)))
            parts[-1].write_bytes(part)
    content.unlink()
    return parts


def unbundle(parts: Iterable[Path], data: Path, workers: int) -> None:
    """Put a bundle together again and pack its recordings: `data` is then as `prepare` leaves it.

    Raises:
        ValueError: a part is missing.
    """
    data.mkdir(parents=True, exist_ok=True)
    content = b"".join(path.read_bytes() for path in sorted(parts))
    try:
        with tarfile.open(fileobj=io.BytesIO(content)) as archive:
            archive.extractall(data, filter="data")
    except tarfile.TarError as error:
        raise ValueError(f"these parts are no whole bundle: {error}") from error
    rows, folder, place = manifests.read(data / INDEX), data / "recordings", 0
    folder.mkdir(exist_ok=True)
    recordings, together = [], (data / RECORDINGS).read_bytes()
    if len(together) != sum(int(row["bytes"]) for row in rows):
        raise ValueError("these parts are no whole bundle: recordings are missing at its end")
    for number, row in enumerate(rows):
        path = folder / f"{number:06}.audio"
        path.write_bytes(together[place : place + int(row["bytes"])])
        place += int(row["bytes"])
        recordings.append(Recording(path, row["split"], row["corpus"], row["speaker"], row["text"], row["licence"]))
    write_pack(data, recordings, workers)
    shutil.rmtree(folder)
    (data / RECORDINGS).unlink()
