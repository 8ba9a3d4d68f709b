"""Whatever goes wrong in the middle: the run goes on or is taken up again, and every hit is there once."""

import errno
import gc
import io
import json
import os
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import fsspec
import numpy as np
import psutil
import pytest
import soundfile

from kwsd import Keyword, Model, SearchSettings
from kwsd.archive.cluster import Workers
from kwsd.archive.encode import encode_spans
from kwsd.archive.recordings import RemoteSource, Unusable, find, look, open_span
from kwsd.archive.run import index, search, survey
from kwsd.archive.spans import ArchivedFile, FileSpan, cut
from kwsd.archive.store import Store, StoreError
from kwsd.errors import AudioError
from kwsd.timebase import SAMPLE_RATE
from testkit.archives import Here, busy_workers, command, outcomes, pieces, read, run, store_flag, until

DASK = Path(sys.executable).with_name("dask")


Found = list[tuple[str, float, str]]
HERE = cast("Workers", Here())


def hits(store: Path, model: Path) -> Found:
    """Each once, whatever the store went through."""
    keywords = [Keyword("light up"), Keyword("night")]
    rows = search(HERE, store, Model.load(model), keywords, SearchSettings(), advance=lambda _: None).rows
    found = [(Path(row["recording"]).name, row["start"], row["keyword"]) for row in rows]
    assert len(set(found)) == len(found)
    return found


def told(process: "subprocess.Popen[str]") -> str:
    """What it says on stderr until it ends."""
    _, text = process.communicate(timeout=100)
    return text


@pytest.fixture(scope="module")
def undisturbed(long_talk: Path, tiny_model_dir: Path, tmp_path_factory: pytest.TempPathFactory) -> Found:
    """The hits where nothing goes wrong."""
    store = tmp_path_factory.mktemp("undisturbed") / "store"
    index(HERE, store, Model.load(tiny_model_dir), survey(HERE, [str(long_talk)]), lambda _: None)
    found = hits(store, tiny_model_dir)
    assert len(found) == 34 * 2 * 2
    return found


def test_a_worker_that_is_killed_costs_its_piece_alone(
    long_talk: Path, tiny_model_dir: Path, tmp_path: Path, undisturbed: Found
) -> None:
    """The run goes on with a new process, and ends as if nothing had been; what was whole is not made again.

    Workers have forked off one that has imported Dask and all they need, so a new one is quickly there.
    """
    store = tmp_path / "store"
    words = command("index", long_talk, store_flag(store), model=tiny_model_dir)
    with subprocess.Popen(words, stderr=subprocess.PIPE, text=True) as process:
        for worker in until(lambda: busy_workers(process.pid, store)):
            before = pieces(store)
            assert "forkserver" in " ".join(worker.cmdline())
            worker.kill()
        text = told(process)
    assert process.returncode == 0, text
    assert {each["outcome"] for each in outcomes(store).values()} == {"indexed"}
    assert before.items() <= pieces(store).items()
    assert hits(store, tiny_model_dir) == undisturbed


def test_a_client_that_is_killed_goes_on_when_it_is_started_again(
    long_talk: Path, tiny_model_dir: Path, tmp_path: Path, undisturbed: Found
) -> None:
    """1. It is killed behind its first piece. 2. Its workers end by themselves. 3. A second run makes the rest."""
    store = tmp_path / "store"
    words = command("index", long_talk, store_flag(store), model=tiny_model_dir)
    with subprocess.Popen(words, stderr=subprocess.DEVNULL) as process:
        until(lambda: [*pieces(store)])
        workers = psutil.Process(process.pid).children(recursive=True)
        process.kill()
    _, left = psutil.wait_procs(workers, timeout=60)
    assert not left
    before = pieces(store)
    assert len(before) < 3
    assert run("index", long_talk, store_flag(store), model=tiny_model_dir).returncode == 0
    assert before.items() <= pieces(store).items()
    assert {each["outcome"] for each in outcomes(store).values()} == {"kept", "indexed"}
    assert hits(store, tiny_model_dir) == undisturbed


def test_a_full_disk_is_told_and_the_run_taken_up_where_there_is_room(
    long_talk: Path, tiny_model_dir: Path, tmp_path: Path, undisturbed: Found
) -> None:
    """1. The store is a file system of 20 kB. 2. It grows to 60 MB. Of the first run whole pieces stay, and no part."""
    full, store = tmp_path / "full", tmp_path / "store"
    full.mkdir()
    words = command("index", long_talk, store_flag(full), model=tiny_model_dir)
    script = (
        'mount -t tmpfs -o size=20k tmpfs "$0" || exit 77; "$@"; echo "status $?" >&2; ls "$0"/*/ >&2; '
        'mount -o remount,size=60m "$0"; "$@" && cp -r "$0" "$FAR"'
    )
    done = subprocess.run(
        ["unshare", "--map-root-user", "--mount", "sh", "-c", script, str(full), *words],
        capture_output=True, text=True, check=False, timeout=100, env={**os.environ, "FAR": str(store)},
    )  # fmt: skip
    if done.returncode == 77 or "unshare failed" in done.stderr:
        pytest.skip("no file system can be mounted here")
    assert done.returncode == 0, done.stderr
    assert "No space left on device; make room, and run it again" in done.stderr
    assert "status 1" in done.stderr
    assert ".part" not in done.stderr.partition("status 1")[2]
    assert {each["outcome"] for each in outcomes(store).values()} <= {"kept", "indexed"}
    assert hits(store, tiny_model_dir) == undisturbed


def test_no_half_is_left_where_the_disk_fills_up(
    talk: Path, tiny_model_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = Model.load(tiny_model_dir)
    found = look(str(talk / "plain.wav"))
    assert isinstance(found, ArchivedFile)
    store = Store(tmp_path, model.encoder.fingerprint)
    store.make()

    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr("kwsd.archive.store.pack", full)
    with pytest.raises(StoreError, match="No space left on device"):
        store.write([FileSpan(found)], encode_spans(model, [FileSpan(found)], open_span), lambda _: ())
    assert not list(store.folder.iterdir())


def test_a_file_that_may_not_be_read_is_told(talk: Path, tmp_path: Path) -> None:
    """A process of root may read all, so another user asks."""
    secret = tmp_path / "secret.wav"
    secret.write_bytes((talk / "plain.wav").read_bytes())
    secret.chmod(0)
    before = os.geteuid()
    if before == 0:
        os.seteuid(65534)
    try:
        found = look(str(secret))
    finally:
        os.seteuid(before)
    assert isinstance(found, Unusable)
    assert "ermission denied" in found.why or "System error" in found.why


def test_thirty_hours_are_looked_at_and_cut_without_being_read(tmp_path: Path) -> None:
    """A header of 44 bytes, and 3.4 GB that take no place: any span of it is opened at once."""
    length = 30 * 3600 * SAMPLE_RATE
    path = tmp_path / "long.wav"
    soundfile.write(path, np.zeros(1, np.int16), SAMPLE_RATE)
    header = bytearray(path.read_bytes()[:44])
    header[4:8], header[40:44] = (2 * length + 36).to_bytes(4, "little"), (2 * length).to_bytes(4, "little")
    path.write_bytes(header)
    os.truncate(path, 44 + 2 * length)
    found = look(str(path))
    assert isinstance(found, ArchivedFile)
    assert found.duration_s == 30 * 3600
    spans = cut(found)
    assert len(spans) == 112
    assert next(open_span(spans[-1], spans[-1].start_sample)).start_sample == spans[-1].start_sample


@contextmanager
def dask_cluster(folder: Path) -> Iterator[str]:
    """A scheduler and a worker as others start them; its address."""
    told_by, log = folder / "scheduler.json", folder / "dask.log"
    with ExitStack() as stack:
        file = stack.enter_context(log.open("w"))

        def start(*words: str) -> None:
            process = stack.enter_context(
                subprocess.Popen([str(DASK), *words, "--no-dashboard"], stdout=file, stderr=file, cwd=folder)
            )
            stack.callback(process.terminate)

        start("scheduler", "--host", "127.0.0.1", "--port", "0", "--scheduler-file", str(told_by))
        until(lambda: [1] if told_by.exists() and told_by.read_text().endswith("}") else [])
        start("worker", "--scheduler-file", str(told_by), "--nworkers", "1", "--nthreads", "1")
        yield str(json.loads(told_by.read_text())["address"])


def test_a_dask_cluster_that_is_there_does_the_work(
    long_talk: Path, tiny_model_dir: Path, tmp_path: Path, undisturbed: Found
) -> None:
    store = tmp_path / "store"
    with dask_cluster(tmp_path) as address:
        done = run("index", long_talk, store_flag(store), "--scheduler", address, model=tiny_model_dir)
    assert done.returncode == 0, done.stderr
    assert hits(store, tiny_model_dir) == undisturbed


def test_a_scheduler_that_does_not_answer_is_told(long_talk: Path, tiny_model_dir: Path, tmp_path: Path) -> None:
    done = run("index", long_talk, store_flag(tmp_path), "--scheduler", "tpc://head:8786", model=tiny_model_dir)
    assert done.returncode == 1
    assert "tpc://head:8786: no Dask scheduler answers there" in done.stderr
    assert "Traceback" not in done.stderr


def test_what_fsspec_reads_is_heard_as_the_file_would_be(
    talk: Path, keywords: Path, tiny_model_dir: Path, tmp_path: Path
) -> None:
    """A URL of a file, and a recording in a packed folder, through workers."""
    packed = tmp_path / "talk.zip"
    with zipfile.ZipFile(packed, "w") as file:
        file.write(talk / "plain.wav", "calls/packed.wav")
    sources = [f"file://{talk / 'plain.wav'}", f"zip://calls/packed.wav::file://{packed}", f"zip://calls::{packed}"]
    out = tmp_path / "hits.jsonl"
    done = run("scan", *sources, "--keywords", keywords, "--out", out, model=tiny_model_dir)
    assert done.returncode == 0, done.stderr
    by_file: dict[str, list[tuple[float, str]]] = {}
    for row in read(out):
        by_file.setdefault(row["recording"], []).append((row["start"], row["keyword"]))
    assert str(talk / "plain.wav") in by_file
    assert len(by_file) == 3  # one name for each way to say it
    assert {tuple(each) for each in by_file.values()} == {((0.08, "light up"), (1.44, "night"))}


def test_a_packed_recording_is_read_to_its_end_whatever_the_collector_does(talk: Path, tmp_path: Path) -> None:
    """Its file system is nobody else's: once it was collected, the sound seemed to end there."""
    packed = tmp_path / "talk.zip"
    with zipfile.ZipFile(packed, "w") as file:
        file.write(talk / "plain.wav", "packed.wav")
    found = look(f"zip://packed.wav::{packed}")
    assert isinstance(found, ArchivedFile)
    heard = 0
    for chunk in open_span(FileSpan(found), 0):
        gc.collect()
        heard += len(chunk.samples)
    assert heard == soundfile.info(talk / "plain.wav").frames


def test_a_store_that_breaks_off_in_the_middle_is_an_error_and_no_end_of_sound(talk: Path) -> None:
    sound = (talk / "plain.wav").read_bytes()

    class Breaking(io.BytesIO):
        def read(self, size: int | None = -1, /) -> bytes:
            if self.tell() > len(sound) // 2:
                raise OSError("the connection was lost")
            return super().read(min(4096, size or 0))

    files = SimpleNamespace(open=lambda *_: Breaking(sound))
    with closing(RemoteSource("breaking://sound.wav", files, "sound.wav")) as source:
        chunks = iter(source)
        assert next(chunks).samples.size
        with pytest.raises(AudioError, match="cannot be read: the connection was lost"):
            list(chunks)


def test_memory_of_fsspec_is_looked_at_and_cut(talk: Path) -> None:
    files = fsspec.filesystem("memory")
    files.pipe("/calls/one.wav", (talk / "plain.wav").read_bytes())
    (uri,) = find(["memory://calls"])
    assert isinstance(uri, str)
    found = look(uri)
    assert isinstance(found, ArchivedFile)
    assert found.can_be_cut
    sound = np.concatenate([chunk.samples for chunk in open_span(FileSpan(found), 0)])
    later = np.concatenate([chunk.samples for chunk in open_span(FileSpan(found), SAMPLE_RATE * 16 // 25)])
    assert np.array_equal(sound[SAMPLE_RATE * 16 // 25 :], later)
