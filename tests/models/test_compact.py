"""The compact graph of an encoder: the same frames and detections at less cost, for any number of streams."""

import logging
import shutil
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
import soundfile

import kwsd
from kwsd.acoustic.compact import CompactCaches
from kwsd.acoustic.encoder import Encoder
from kwsd.acoustic.fbank import Fbank
from kwsd.acoustic.session import FINDS_NOTHING
from kwsd.acoustic.widen import widened
from kwsd.errors import ModelError
from kwsd.models.directory import COMPACT, MATRICES, find_encoder
from kwsd.models.optimise import optimise
from kwsd.stream import Float32
from testkit.commands import KWSCTL, run

ROOT = Path(__file__).parents[2]
SHIPPED = ROOT / "models" / "kwsd-en"
DEMO, _ = soundfile.read(ROOT / "models" / "demo.wav", dtype="float32")


def segments(encoder: Encoder) -> list[Float32]:
    fbank = Fbank(encoder.segment_frames, encoder.shift_frames)
    return [segment.copy() for segment in fbank.accept(DEMO)]


def frames(encoder: Encoder, heard: list[Float32]) -> Float32:
    state, found = encoder.initial_state(), []
    for segment in heard:
        ((out, state),) = encoder.run([segment], [state])
        found.append(np.array(out))
    return np.concatenate(found)


def assert_same_hits(own: list[Any], other: list[Any]) -> None:
    assert [hit.keyword for hit in own] == [hit.keyword for hit in other]
    for mine, theirs in zip(own, other, strict=True):
        assert abs(mine.start - theirs.start) <= 0.04
        assert abs(mine.end - theirs.end) <= 0.04
        assert abs(mine.score - theirs.score) <= 0.03


def test_the_shipped_graph_is_nearer_to_the_float_export_than_int8_is() -> None:
    compact, full, int8 = (Encoder(SHIPPED / f"encoder{kind}") for kind in (COMPACT, ".onnx", ".int8.onnx"))
    assert find_encoder(SHIPPED) == compact.path
    heard = segments(compact)
    wanted = frames(full, heard)
    apart = (frames(compact, heard) - wanted).std()
    assert apart < (frames(int8, heard) - wanted).std()
    assert apart < 0.01 * wanted.std()


def test_without_its_matrices_the_export_runs(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """As where a model was copied by what its files were called in an earlier version."""
    for path in SHIPPED.iterdir():
        if path.name != MATRICES and path.suffix in {".onnx", ".gz", ".txt", ".toml"}:
            (tmp_path / path.name).symlink_to(path)
    assert find_encoder(tmp_path).name == "encoder.int8.onnx"
    assert [record.getMessage() for record in caplog.records] == [
        f"{tmp_path.name} runs as exported, which costs more: {tmp_path / MATRICES} is missing"
    ]
    assert [hit.keyword for hit in told_of_the_demo(kwsd.Model.load(tmp_path), 0)]


def told_of_the_demo(model: kwsd.Model, silence: int) -> list[kwsd.Detection]:
    """The first two phrases, behind some samples of silence, as a microphone brings them."""
    spotter = kwsd.Spotter(model, kwsd.load_keywords(ROOT / "keywords" / "demo.txt", model))
    sound = np.concatenate([np.zeros(silence, np.float32), DEMO[:96_000]])
    hits = [hit for start in range(0, len(sound), 640) for hit in spotter.accept(sound[start : start + 640])]
    return [*hits, *spotter.finish()]


def test_in_chunks_of_half_the_length_the_demo_is_heard_as_well_and_sooner() -> None:
    """Both graphs have their matrices in one file."""
    usual, sooner = (kwsd.Model.load(SHIPPED, chunk_ms) for chunk_ms in (None, 160))
    waited_ms = []
    for silence in (0, 1280, 2560, 3840):
        own, other = (told_of_the_demo(model, silence) for model in (usual, sooner))
        assert [hit.keyword for hit in own] == [hit.keyword for hit in other]
        assert all(abs(a.start - b.start) <= 0.12 for a, b in zip(own, other, strict=True))
        waited_ms += [a.latency_ms - b.latency_ms for a, b in zip(own, other, strict=True)]
    assert np.mean(waited_ms) > 40
    assert sooner.encoder.path.stat().st_size < 400_000
    assert sooner.encoder.fingerprint != usual.encoder.fingerprint


def test_a_model_without_shorter_chunks_says_so(tmp_path: Path) -> None:
    shutil.copytree(SHIPPED, tmp_path / "own", ignore=shutil.ignore_patterns("*160ms*"))
    with pytest.raises(ModelError, match="model own has no encoder for chunks of 160 ms; leave out chunk_ms"):
        kwsd.Model.load(tmp_path / "own", 160)


def test_a_package_that_lacks_its_matrices_or_has_no_room_for_them_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """1. The matrices are cut off. 2. They are missing. 3. Temporary files cannot be written: each has its remedy."""
    own = tmp_path / "own"
    shutil.copytree(SHIPPED, own)
    for export in own.glob("encoder*.onnx"):  # as in the installed package; with one, arm64 may choose that
        if not export.name.endswith(COMPACT):
            export.unlink()
    (own / MATRICES).write_bytes((own / MATRICES).read_bytes()[:1000])
    with pytest.raises(ModelError, match=f"{MATRICES}: cannot be read .*; fetch the model again"):
        kwsd.Model.load(own)
    (own / MATRICES).unlink()
    with pytest.raises(ModelError, match=f"{MATRICES}: no such file; .*models verify {own}"):
        kwsd.Model.load(own)
    shutil.copy(SHIPPED / MATRICES, own)
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "nowhere"))
    with pytest.raises(ModelError, match="set TMPDIR"):
        kwsd.Model.load(own)


def test_a_stream_gives_the_same_alone_and_beside_fifteen_loud_ones() -> None:
    """The state of a stream is a column of what the last call gave, whoever else was in it.

    1. A stream hears the demo alone. 2. It hears it beside fifteen that hear noise 60 dB louder, some of them younger
    than it; then streams leave one after the other. Result: its frames are the same to 1e-4.
    """
    encoder = Encoder(SHIPPED / f"encoder{COMPACT}")
    heard = segments(encoder)[:30]
    alone = frames(encoder, heard)
    loud = np.random.default_rng(0).normal(4.0, 3.0, (encoder.segment_frames, 80)).astype(np.float32)
    states = [encoder.initial_state() for _ in range(16)]
    found = []
    for turn, segment in enumerate(heard):
        count = 16 if turn < 20 else max(1, 36 - turn)
        states = [encoder.initial_state() if turn == 5 and n > 9 else state for n, state in enumerate(states[:count])]
        results = encoder.run([segment, *[loud] * (count - 1)], states)
        states = [state for _, state in results]
        found.append(np.array(results[0][0]))
    assert np.abs(np.concatenate(found) - alone).max() < 1e-4


@pytest.mark.model
def test_upstreams_export_is_optimised_and_hears_the_same(
    shared_model_dir: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """A graph belongs to the very export that it was made from.

    1. A copy of upstream's model hears its golden recordings, and the log names the command that makes it
    cost less. 2. `kwsctl models optimise` writes a graph beside it:
    that one runs now, and the same is heard. 3. Another export is put in its place. Result: that one runs.
    """
    for name in ("decoder.onnx", "joiner.onnx", "tokens.txt", "bpe.model", "encoder.int8.fixed.onnx"):
        shutil.copy(shared_model_dir / name, tmp_path)
    sounds = [soundfile.read(path, dtype="float32")[0] for path in sorted(shared_model_dir.glob("test_wavs/*.wav"))]

    def hears() -> list[Any]:
        model = kwsd.Model.load(tmp_path)
        spotter = kwsd.Spotter(model, [kwsd.Keyword(word) for word in ("LIGHT UP", "LOVELY CHILD", "FOREVER")])
        return [*spotter.accept(np.concatenate(sounds)), *spotter.finish()]

    caplog.set_level(logging.INFO)
    before = hears()
    assert len(before) >= 3
    assert f"kwsctl models optimise {tmp_path}" in caplog.text
    caplog.clear()
    done = run(KWSCTL, "models", "optimise", tmp_path, home=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.strip() == str(find_encoder(tmp_path))
    assert find_encoder(tmp_path).name.endswith(COMPACT)
    assert_same_hits(hears(), before)
    assert not caplog.records
    with (tmp_path / "encoder.int8.fixed.onnx").open("ab") as file:
        file.write(b"\0")
    assert find_encoder(tmp_path).name == "encoder.int8.fixed.onnx"


def test_what_is_not_recognised_is_refused_and_runs_as_it_is(tiny_model_dir: Path, tmp_path: Path) -> None:
    copy = Path(shutil.copytree(tiny_model_dir, tmp_path / "tiny"))
    before = sorted(copy.iterdir())
    done = run(KWSCTL, "models", "optimise", copy, home=tmp_path)
    assert done.returncode == 78
    assert "not laid out as icefall exports" in done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert sorted(copy.iterdir()) == before
    assert kwsd.Model.load(copy)


@pytest.mark.model
def test_a_graph_that_hears_otherwise_is_not_taken(shared_model_dir: Path, tmp_path: Path) -> None:
    shutil.copy(shared_model_dir / "encoder.int8.fixed.onnx", tmp_path)

    def differs(original: Path, compact: Path) -> None:
        raise ModelError(f"{compact} and {original} differ")

    with pytest.raises(ModelError, match=r"differ"):
        optimise(tmp_path, differs)
    assert [path.name for path in tmp_path.iterdir()] == ["encoder.int8.fixed.onnx"]


def test_a_stream_heard_alone_goes_on_where_its_caches_lie(monkeypatch: pytest.MonkeyPatch) -> None:
    """1. The same frames come, to the last bit, as where all is made anew. 2. The caches lie in two places."""
    encoder = Encoder(SHIPPED / f"encoder{COMPACT}")
    heard = segments(encoder)[:14]
    found, state, places = [], encoder.initial_state(), list[int]()
    for segment in heard:
        ((out, state),) = encoder.run([segment], [state])
        found.append(out)
        places.append(state.group[0].ctypes.data)
    assert len(set(places)) == 2
    monkeypatch.setattr(CompactCaches, "in_place", lambda *_: None)
    assert np.array_equal(np.concatenate(found), frames(encoder, heard))


@pytest.mark.parametrize("calls", [0, 1, 8])
def test_a_state_that_is_held_stays_what_it_is(calls: int) -> None:
    """1. A stream goes on from a state. 2. From the state before it is asked what other sound would give, and again."""
    encoder = Encoder(SHIPPED / f"encoder{COMPACT}")
    first, second, third = (segments(encoder)[place] for place in (0, 1, 2))
    state = encoder.initial_state()
    for segment in [first] * calls:
        ((_, state),) = encoder.run([segment], [state])
    ((_, held),) = encoder.run([second], [state])
    ((before, after),) = encoder.run([third], [held])
    ((other, _),) = encoder.run([first], [held])
    ((again, _),) = encoder.run([third], [held])
    assert np.array_equal(before, again)
    assert not np.array_equal(before, other)
    ((_, once),) = encoder.run([second], [after])
    ((goes_on, _),) = encoder.run([first], [once])
    assert np.array_equal(goes_on, encoder.run([first], [encoder.run([second], [after])[0][1]])[0][0])


def test_optimisers_that_are_left_out_find_nothing(shared_model_dir: Path, tmp_path: Path) -> None:
    """1. A compact graph is opened with all optimisers, and as kwsd opens it. 2. What they make of it is the same."""
    optimised = tmp_path / f"encoder{COMPACT}"
    shutil.copyfile(shared_model_dir / "encoder.int8.fixed.onnx", tmp_path / "encoder.int8.fixed.onnx")
    optimise(tmp_path, lambda *_: None)
    next(tmp_path.glob(f"*{COMPACT}")).rename(optimised)
    for graph in (SHIPPED / f"encoder{COMPACT}", optimised):
        made = []
        for left_out in ([], FINDS_NOTHING.split()):
            options = onnxruntime.SessionOptions()
            options.log_severity_level = 4
            options.optimized_model_filepath = str(tmp_path / "made.onnx")
            with widened(graph) as laid_out:
                onnxruntime.InferenceSession(str(laid_out), options, disabled_optimizers=left_out)
            nodes = onnx.load(str(tmp_path / "made.onnx"), load_external_data=False).graph.node
            made.append(Counter(node.op_type for node in nodes))
        assert made[0].total() > 500
        assert made[0] == made[1]
