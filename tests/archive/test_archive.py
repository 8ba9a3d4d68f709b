"""`kwsd-archive` as a person runs it: real workers, the tiny model, files of every sort."""

import csv
import errno
import json
import os
import random
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pyarrow.parquet
import pytest
import soundfile

from kwsd import Model
from kwsd.archive.encode import encode_spans
from kwsd.archive.outputs import write_hits
from kwsd.archive.recordings import look, open_span
from kwsd.archive.spans import ArchivedFile, FileSpan
from kwsd.archive.store import Store, StoreError, read_frames, read_spans
from kwsd.timebase import SAMPLE_RATE
from testkit.tiny_model import silence, speak, with_noise

COMMAND = [sys.executable, "-c", "import sys; from kwsd.cli.kwsd_archive import main; sys.exit(main())"]


@pytest.fixture(scope="module")
def talk(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of what archives hold: sound of three kinds, and four files that give none."""
    folder = tmp_path_factory.mktemp("archive") / "talk"
    folder.mkdir()
    sound = with_noise(np.concatenate([speak("LIGHT UP"), silence(1.0), speak("NIGHT"), silence(1.0)]), 1e-3)
    soundfile.write(folder / "plain.wav", sound, SAMPLE_RATE)
    soundfile.write(folder / "stereo.flac", np.stack([sound, sound], axis=1), SAMPLE_RATE)
    soundfile.write(folder / "telephone.wav", sound[::2], SAMPLE_RATE // 2)
    (folder / "empty.wav").touch()
    (folder / "corrupt.flac").write_bytes(random.Random(1).randbytes(5000))
    (folder / "cut off.wav").write_bytes((folder / "plain.wav").read_bytes()[:60_000])
    (folder / "gone.wav").symlink_to(folder / "nowhere.wav")
    (folder / "notes.txt").write_text("no sound")
    return folder


def run(*arguments: str | Path, model: Path) -> subprocess.CompletedProcess[str]:
    command = [*COMMAND, *map(str, arguments), "--model", str(model), "--workers", "1"]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=100)


def outcomes(store: Path) -> dict[str, dict[str, Any]]:
    lines = (store / "report.jsonl").read_text().splitlines()
    return {Path(each["recording"]).name: each for each in map(json.loads, lines)}


@pytest.fixture(scope="module")
def keywords(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("phrases") / "phrases.txt"
    path.write_text("light up\nnight\n")
    return path


def test_a_folder_is_indexed_and_searched(talk: Path, keywords: Path, tiny_model_dir: Path, tmp_path: Path) -> None:
    """1. Each file's outcome is told. 2. All hits are found, each once. 3. Nothing is encoded or written twice."""
    store = tmp_path / "store"
    first = run("index", talk, store_flag(store), model=tiny_model_dir)
    told = outcomes(store)
    assert first.returncode == 3, first.stderr
    failed = {name for name, each in told.items() if each["outcome"] == "failed"}
    assert failed == {"empty.wav", "corrupt.flac", "gone.wav"}
    assert {name for name, each in told.items() if each["outcome"] == "indexed"} == {
        "plain.wav", "stereo.flac", "telephone.wav", "cut off.wav",
    }  # fmt: skip
    assert "8000 Hz" in " ".join(told["telephone.wav"]["notes"])
    pieces = {path: path.stat().st_mtime_ns for path in store.rglob("*.npz")}
    assert not list(store.rglob("*.part"))

    out = tmp_path / "hits.jsonl"
    done = run("search", "--keywords", keywords, "--out", out, store_flag(store), model=tiny_model_dir)
    assert done.returncode == 0, done.stderr
    rows = read(out)
    found = [(Path(row["recording"]).name, row["keyword"]) for row in rows]
    assert len(set(found)) == len(found)
    assert {("plain.wav", "light up"), ("plain.wav", "night"), ("stereo.flac", "light up")} <= set(found)
    for suffix in ("csv", "parquet"):
        write_hits(out.with_suffix(f".{suffix}"), rows)
        same = read(out.with_suffix(f".{suffix}"))
        assert [float(row["start"]) for row in same] == [row["start"] for row in rows]
        assert [row["keyword"] for row in same] == [row["keyword"] for row in rows]

    again = run("index", talk, store_flag(store), model=tiny_model_dir)
    assert again.returncode == 3
    assert {path: path.stat().st_mtime_ns for path in store.rglob("*.npz")} == pieces
    assert outcomes(store)["plain.wav"]["outcome"] == "kept"


def store_flag(store: Path) -> str:
    return f"--store={store}"


def read(path: Path) -> list[dict[str, Any]]:
    if path.suffix == ".jsonl":
        return [json.loads(line) for line in path.read_text().splitlines()]
    if path.suffix == ".csv":
        with path.open(newline="") as file:
            return list(csv.DictReader(file))
    rows: list[dict[str, Any]] = pyarrow.parquet.read_table(path).to_pylist()
    return rows


def test_scan_does_both(talk: Path, keywords: Path, tiny_model_dir: Path) -> None:
    done = run("scan", talk / "p*.wav", "--keywords", keywords, model=tiny_model_dir)
    assert done.returncode == 0, done.stderr
    assert [line.split()[3] for line in done.stdout.splitlines()] == ["light", "night"]


def test_a_page_shows_and_plays_what_was_found(
    talk: Path, keywords: Path, tiny_model_dir: Path, tmp_path: Path
) -> None:
    """1. One recording has a hostile name, one cannot be read. 2. The page is made.

    Result: it has a sound for each hit, the name as text, what became of both files, and asks for nothing elsewhere.
    """
    folder = tmp_path / "talk"
    folder.mkdir()
    (folder / "<script>alert(1)<script>.wav").write_bytes((talk / "plain.wav").read_bytes())
    (folder / "corrupt.flac").write_bytes((talk / "corrupt.flac").read_bytes())
    page = tmp_path / "hits.html"
    done = run("scan", folder, "--keywords", keywords, "--report", page, model=tiny_model_dir)
    assert done.returncode == 3, done.stderr
    text = page.read_text(encoding="utf-8")
    assert "<script" not in text
    assert "&lt;script&gt;alert(1)" in text
    assert text.count('src="data:audio/') == text.count("<audio") >= 2
    assert "2 files, 1 of them failed" in text
    assert "http" not in text.replace('<meta http-equiv="Content-Security-Policy"', "")


def test_a_worker_that_is_killed_costs_its_piece_alone(
    talk: Path, keywords: Path, tiny_model_dir: Path, tmp_path: Path
) -> None:
    """The run goes on with a new process, and ends as if nothing had been."""
    source, store = tmp_path / "long", tmp_path / "store"
    source.mkdir()
    sound, _ = soundfile.read(talk / "plain.wav", dtype="float32")
    for number in range(4):
        soundfile.write(source / f"{number}.wav", np.tile(sound, 12), SAMPLE_RATE)
    command = [*COMMAND, "index", str(source), store_flag(store), "--model", str(tiny_model_dir), "--workers", "1"]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:
        for worker in until(lambda: busy_workers(process.pid, store)):
            worker.kill()
        _, told = process.communicate(timeout=100)
        assert process.returncode == 0, told
    assert {each["outcome"] for each in outcomes(store).values()} == {"indexed"}
    found = run("search", "--keywords", keywords, "--out", tmp_path / "h.csv", store_flag(store), model=tiny_model_dir)
    assert found.returncode == 0
    assert len(read(tmp_path / "h.csv")) >= 4 * 12


def busy_workers(client: int, store: Path) -> list[psutil.Process]:
    """Processes that have a piece of the store open."""
    busy = []
    for each in psutil.Process(client).children(recursive=True):
        with suppress(psutil.NoSuchProcess):  # one may end while it is asked
            busy += [each] if any(file.path.startswith(str(store)) for file in each.open_files()) else []
    return busy


def until(look_for: Any) -> Iterator[psutil.Process]:
    deadline_s = time.monotonic() + 60
    while time.monotonic() < deadline_s:
        if found := look_for():
            yield from found
            return
        time.sleep(0.02)
    pytest.fail("no worker ever wrote to the store")


def test_frames_come_back_as_they_were(talk: Path, tiny_model_dir: Path, tmp_path: Path) -> None:
    """Within half a step of 0.001; what is around them to the last digit."""
    model = Model.load(tiny_model_dir)
    told = look(str(talk / "plain.wav"))
    assert isinstance(told, ArchivedFile)
    spans = [FileSpan(told)]
    made = [each for each in encode_spans(model, spans, open_span) if each.frames]
    store = Store(tmp_path, model.encoder.fingerprint)
    store.make()
    store.write(spans, encode_spans(model, spans, open_span), lambda _: ())
    (piece,) = store.pieces()
    back = [each for each in read_frames(piece, read_spans(piece)) if each.frames]
    assert len(back) == len(made)
    for one, two in zip(made, back, strict=True):
        assert one.frames
        assert two.frames
        assert (one.frames.origin_sample, one.frames.first) == (two.frames.origin_sample, two.frames.first)
        assert np.abs(np.array(one.frames.encoder_out) - np.array(two.frames.encoder_out)).max() < 0.005


def test_a_damaged_piece_is_told(talk: Path, tiny_model_dir: Path, tmp_path: Path) -> None:
    model = Model.load(tiny_model_dir)
    told = look(str(talk / "plain.wav"))
    assert isinstance(told, ArchivedFile)
    store = Store(tmp_path, model.encoder.fingerprint)
    store.make()
    store.write([FileSpan(told)], encode_spans(model, [FileSpan(told)], open_span), lambda _: ())
    (piece,) = store.pieces()
    piece.write_bytes(piece.read_bytes()[:-200])
    with pytest.raises(StoreError, match="delete it and index again"):
        read_spans(piece)


def test_a_full_disk_leaves_no_half(
    talk: Path, tiny_model_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = Model.load(tiny_model_dir)
    told = look(str(talk / "plain.wav"))
    assert isinstance(told, ArchivedFile)
    store = Store(tmp_path, model.encoder.fingerprint)
    store.make()

    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr("kwsd.archive.store.pack", full)
    with pytest.raises(StoreError, match="No space left on device"):
        store.write([FileSpan(told)], encode_spans(model, [FileSpan(told)], open_span), lambda _: ())
    assert not list(store.folder.iterdir())
