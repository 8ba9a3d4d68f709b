"""The window network in NumPy against the same file in onnxruntime."""

from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kwsd.acoustic.session import make_session
from kwsd.commands12.ds_cnn import DsCnn, layers, read_ds_cnn
from kwsd.commands12.frontend import BANDS, CLIP_FRAMES
from kwsd.commands12.model import bundle_directory, read_bundle
from kwsd.commands12.networks import WindowNetwork
from kwsd.commands12.onnx_file import OnnxGraph, read_onnx
from kwsd.errors import ModelError

FILE = bundle_directory() / "ds-cnn.onnx"


def network(path: Path, hop: int) -> DsCnn:
    found = read_ds_cnn(path, hop)
    assert found is not None
    return found


@pytest.mark.parametrize("hop", [16, 4, 7, 60, CLIP_FRAMES])
@pytest.mark.parametrize("name", ["ds-cnn", "ds-cnn-s"])
def test_windows_that_follow_each_other_are_those_of_onnxruntime(name: str, hop: int) -> None:
    """Sound that changes all the time, and a fresh start in the middle of it."""
    path = bundle_directory() / f"{name}.onnx"
    ours, session = network(path, hop), make_session(path)
    frames = np.random.default_rng(3).uniform(0, 255, (6 * hop + CLIP_FRAMES, BANDS)).astype(np.float32)
    for step, start in enumerate(range(0, 6 * hop, hop)):
        window = frames[start : start + CLIP_FRAMES]
        (theirs,) = session.run(None, {"frames": window[None]})
        np.testing.assert_allclose(ours.run(window, step in {0, 3}), theirs[0], atol=2e-6)


def test_most_of_a_window_stays_as_it_moves() -> None:
    new = [sum(part.stop - part.start for part in layer.new) / layer.shape[0] for layer in layers(160, 16)]
    assert new == pytest.approx([12 / 49, 8 / 25, 10 / 25, 12 / 25, 14 / 25])


@pytest.mark.parametrize("name", ["bc-resnet-1", "nc-ssm-20k"])
def test_other_networks_are_left_to_onnxruntime(name: str) -> None:
    assert read_ds_cnn(read_bundle(bundle_directory())[name].path, 16) is None


def test_weights_of_another_shape_are_refused() -> None:
    graph = read_onnx(FILE)
    with pytest.raises(ValueError, match="weights"):
        DsCnn(
            OnnxGraph(graph.operators, {**graph.weights, "model.stem.0.weight": np.zeros((160, 1, 4, 10), np.float32)}),
            16,
        )
    with pytest.raises(ValueError, match="operators"):
        DsCnn(OnnxGraph((*graph.operators, "Relu"), graph.weights), 16)


@settings(max_examples=20, deadline=None)
@given(cut=st.integers(0, FILE.stat().st_size - 1), change=st.binary(max_size=12))
def test_a_file_that_is_cut_or_changed_never_ends_in_a_traceback(
    cut: int, change: bytes, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """Scenario: part of the file, with other bytes behind it. Result: a network that runs, or a named error."""
    path = tmp_path_factory.mktemp("cut") / "ds-cnn.onnx"
    content = FILE.read_bytes()
    path.write_bytes(content[:cut] + change + content[cut + len(change) :])
    with suppress(ModelError):
        WindowNetwork(path, 16).accept(np.zeros((16, BANDS), np.float32))


def test_a_file_that_is_missing_is_named(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"none\.onnx"):
        WindowNetwork(tmp_path / "none.onnx", 16)
