"""Kinds of matrices in int8: the same words are heard, and a stream gives the same with others and without."""

import os
import shutil
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import onnx
import pytest
import soundfile

import kwsd
from kwsd.acoustic.alike import ALIKE_SHARE, apart, apart_in_company
from kwsd.acoustic.caches import State
from kwsd.acoustic.encoder import Encoder
from kwsd.acoustic.kinds import CompactFile, kind_times
from kwsd.errors import ModelError
from kwsd.models import onnx_fields
from kwsd.models.optimise import optimise
from kwsd.stream import Float32

ROOT = Path(__file__).parents[2]
COMPACT = ROOT / "models" / "kwsd-en" / "encoder.compact.onnx"
KINDS = tuple(CompactFile(COMPACT).kinds)
LEAST = 0.0001 if os.uname().machine == "x86_64" else 0.0
"""What int8 is off by at least: arm64 without dot products of int8, as of a Pi 4, multiplies it in float32."""
DEMO, _ = soundfile.read(ROOT / "models" / "demo.wav", dtype="float32")


def operators(text: bytes, tmp_path: Path) -> list[str]:
    (tmp_path / "made.onnx").write_bytes(text)
    return [node.op_type for node in onnx.load(str(tmp_path / "made.onnx"), load_external_data=False).graph.node]


def test_a_kind_is_all_products_with_a_matrix_of_a_size(tmp_path: Path) -> None:
    """1. A kind, and then all of them, are put in int8. 2. So many products change, and no other node."""
    file = CompactFile(COMPACT)
    before = operators(COMPACT.read_bytes(), tmp_path)
    counts = {kind: len(products) for kind, products in file.kinds.items()}
    assert sum(counts.values()) > 100
    for chosen in ([KINDS[0]], [KINDS[2]], KINDS):
        after = operators(file.with_int8(chosen), tmp_path)
        changed = sum(counts[kind] for kind in chosen)
        assert after.count("MatMulNBits") == changed
        assert after.count("Gemm") == before.count("Gemm") - changed
        kept = [[each for each in nodes if each not in {"Gemm", "MatMulNBits", "Add"}] for nodes in (before, after)]
        assert kept[0] == kept[1]


def test_with_all_kinds_in_int8_a_stream_gives_the_same_beside_fifteen_loud_ones() -> None:
    """What is rounded has a scale for every 32 numbers of a row, and a row belongs to one stream."""
    plain, int8 = Encoder(COMPACT), Encoder(COMPACT, KINDS)
    assert LEAST <= apart(plain, int8) < ALIKE_SHARE / 2
    assert apart_in_company(int8) < 1e-4
    assert plain.fingerprint != int8.fingerprint


def test_it_would_be_seen_if_a_loud_stream_coarsened_the_others(monkeypatch: pytest.MonkeyPatch) -> None:
    encoder = Encoder(COMPACT)
    run = encoder.run

    def coarsened(segments: Sequence[Float32], states: Sequence[State]) -> list[tuple[Float32, State]]:
        step = float(np.ptp(np.stack(segments))) / 255
        return run([np.rint(segment / step).astype(np.float32) * step for segment in segments], states)

    monkeypatch.setattr(encoder, "run", coarsened)
    assert apart_in_company(encoder) > 1e-4


def test_the_demo_is_heard_the_same() -> None:
    heard = []
    for int8 in ((), KINDS):
        model = kwsd.Model.load(COMPACT.parent)
        model.encoder = Encoder(COMPACT, int8)
        spotter = kwsd.Spotter(model, kwsd.load_keywords(ROOT / "keywords" / "demo.txt", model))
        heard.append([*spotter.accept(DEMO), *spotter.finish()])
    assert len(heard[0]) >= 6
    for own, other in zip(*heard, strict=True):
        assert own.keyword == other.keyword
        assert abs(own.end - other.end) <= 0.04
        assert abs(own.score - other.score) <= 0.03


def test_each_kind_is_timed_with_the_rows_that_it_gets() -> None:
    times = kind_times(COMPACT)
    assert tuple(times) == KINDS
    assert sum(taken.products for taken in times.values()) == len(CompactFile(COMPACT).products)
    assert all(0 < taken.float_ms < 100 and 0 < taken.int8_ms < 100 for taken in times.values())


@pytest.mark.model
def test_a_graph_that_was_optimised_here_has_kinds_as_well(shared_model_dir: Path, tmp_path: Path) -> None:
    """Its matrices lie in the graph itself, as int8 that is cast and multiplied with a scale."""
    shutil.copy(shared_model_dir / "encoder.int8.fixed.onnx", tmp_path)
    path = optimise(tmp_path, lambda *_: None)
    file = CompactFile(path)
    assert operators(file.with_int8(file.kinds), tmp_path).count("MatMulNBits") == len(file.products) > 50
    plain, int8 = Encoder(path), Encoder(path, tuple(file.kinds))
    assert LEAST <= apart(plain, int8) < ALIKE_SHARE
    assert apart_in_company(int8) < 1e-4


@pytest.mark.parametrize("spoilt", [b"", b"\x0a", b"\x3a\x05ab", b"\x0b\x01", COMPACT.read_bytes()[:50_000]])
def test_what_is_no_graph_is_told_as_that(tmp_path: Path, spoilt: bytes) -> None:
    (tmp_path / "encoder.compact.onnx").write_bytes(spoilt)
    with pytest.raises(ModelError, match="is no compact graph"):
        CompactFile(tmp_path / "encoder.compact.onnx")


def test_fields_are_read_and_written_as_onnx_does() -> None:
    node = onnx.helper.make_node("MatMulNBits", ["a", "b"], ["c"], domain="com.microsoft", K=300, N=1)
    own = onnx_fields.node("MatMulNBits", ["a", "b"], "c", "com.microsoft", K=300, N=1)
    assert onnx.NodeProto.FromString(own.written) == node
    assert onnx_fields.read_node(node.SerializeToString())[:4] == ("MatMulNBits", ["a", "b"], ["c"], True)
    matrix = np.arange(6, dtype=np.float32).reshape(2, 3)
    written = onnx.TensorProto.FromString(onnx_fields.tensor("m", onnx_fields.FLOAT, matrix.shape, matrix.tobytes()))
    assert written == onnx.numpy_helper.from_array(matrix, "m")
