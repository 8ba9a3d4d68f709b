"""`kwsd-archive` as a person runs it: real workers, the tiny model, files of every sort."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

from kwsd import Model
from kwsd.archive.encode import encode_spans
from kwsd.archive.outputs import write_hits
from kwsd.archive.recordings import look, open_span
from kwsd.archive.spans import ArchivedFile, FileSpan
from kwsd.archive.store import Store, StoreError, read_frames, read_spans
from kwsd.errors import INTERRUPTED
from kwsd.timebase import SAMPLE_RATE
from testkit.archives import PATIENCE_S, command, outcomes, pieces, read, run, store_flag, until


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
    first_pieces = pieces(store)
    assert not list(store.rglob("*.part"))

    out = tmp_path / "hits.jsonl"
    done = run("search", "--keywords", keywords, "--out", out, store_flag(store), model=tiny_model_dir)
    assert done.returncode == 0, done.stderr
    assert "core-seconds" in done.stderr
    assert "warning" not in done.stderr
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
    assert pieces(store) == first_pieces
    assert outcomes(store)["plain.wav"]["outcome"] == "kept"


def test_scan_does_both(talk: Path, keywords: Path, tiny_model_dir: Path) -> None:
    done = run("scan", talk / "p*.wav", "--keywords", keywords, model=tiny_model_dir)
    assert done.returncode == 0, done.stderr
    assert [line.split()[3] for line in done.stdout.splitlines()] == ["light", "night"]


def test_a_scan_that_is_told_to_end_leaves_no_store_behind(
    long_talk: Path, keywords: Path, tiny_model_dir: Path, tmp_path: Path
) -> None:
    """Its own store, without --store, may be gigabytes; `timeout` and systemd end a program by SIGTERM."""
    words = command("scan", long_talk, "--keywords", keywords, model=tiny_model_dir)
    environ = os.environ | {"TMPDIR": str(tmp_path)}
    with subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, env=environ) as process:
        assert until(lambda: [*tmp_path.glob("kwsd-archive-*/*/*")])
        process.terminate()
        _, told = process.communicate(timeout=PATIENCE_S)
    assert process.returncode == INTERRUPTED, told
    assert "Traceback" not in told
    assert not [*tmp_path.glob("kwsd-archive-*")]


def test_a_cluster_brings_its_own_workers(talk: Path, tiny_model_dir: Path, tmp_path: Path) -> None:
    both = ("--scheduler", "tcp://head:8786", "--workers", "2")
    done = run("index", talk, store_flag(tmp_path), *both, model=tiny_model_dir)
    assert done.returncode == 2
    assert "--workers: not allowed with argument --scheduler" in done.stderr


@pytest.mark.parametrize("suffix", ["csv", "jsonl", "parquet"])
def test_hits_in_files_whose_names_are_no_text_are_written(suffix: str, tmp_path: Path) -> None:
    """Latin-1, as archives of old machines have it; JSON keeps the bytes, the others write them as a backslash does."""
    row: dict[str, Any] = {"phrase": "night", "keyword": "night", "tokens": [], "timestamps": []}
    row |= dict.fromkeys(("start", "end", "score", "min_score", "threshold"), 0.5)
    out = tmp_path / f"hits.{suffix}"
    write_hits(out, [row | {"recording": os.fsdecode(b"caf\xe9.wav")}])
    (told,) = read(out)
    assert told["recording"] == ("caf\udce9.wav" if suffix == "jsonl" else "caf\\udce9.wav")


def test_the_archive_hears_what_kwsd_hears_without_gate_and_gain(
    talk: Path, keywords: Path, tiny_model_dir: Path, tmp_path: Path
) -> None:
    """Faint speech, which the gain would lift: told is what the real program hears without it, not what with it."""
    path, out = tmp_path / "faint.wav", tmp_path / "hits.jsonl"
    sound, _ = soundfile.read(talk / "plain.wav", dtype="float32")
    soundfile.write(path, np.tile(sound, 3) * 0.02, SAMPLE_RATE, subtype="FLOAT")

    def heard(*flags: str) -> list[dict[str, Any]]:
        words = ["--model", tiny_model_dir, "--keywords", keywords, "--input", path, "--json"]
        program = [sys.executable, "-m", "kwsd", *map(str, words), *flags]
        told = subprocess.run(program, capture_output=True, text=True, check=True, timeout=100).stdout.splitlines()
        return [each for each in map(json.loads, told) if each["type"] == "detection"]

    expected, lifted = heard("--no-quiet-gate", "--no-automatic-gain"), heard()
    assert run("scan", path, "--keywords", keywords, "--out", out, model=tiny_model_dir).returncode == 0
    found = read(out)
    assert len(found) == 6
    for one, two in zip(expected, found, strict=True):
        assert (one["keyword"], one["start"], one["end"]) == (two["keyword"], two["start"], two["end"])
        assert one["score"] == pytest.approx(two["score"], abs=1e-4)
    assert [each["start"] for each in lifted] != [each["start"] for each in found]


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
