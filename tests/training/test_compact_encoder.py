"""The compact graph of a network computes what the network does, whatever its layers, chunks and activation."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("torch")
import onnx
import torch
from onnx import TensorProto

from kwsd.acoustic.encoder import Encoder
from kwsd.models.directory import COMPACT, FLOAT_MATRICES, MATRICES, TAPS
from kwsd.stream import Float32
from training.zipformer.export import StreamingEncoder, compact_encoder, segment_frames
from training.zipformer.model.settings import ModelSettings
from training.zipformer.model.transducer import Transducer
from training.zipformer.storage import save_compact

pytestmark = pytest.mark.training
SMALL: dict[str, Any] = {"dimension": 32, "feed_forward": 48, "front_channels": (4, 6, 8), "joiner_dimension": 24}


def network(activation: str, layers: tuple[int, ...]) -> Transducer:
    """Random weights in every part, also in those that begin at 0 or 1."""
    settings = ModelSettings(layers=layers, activation=activation, front_activation=activation, **SMALL)
    torch.manual_seed(5)
    model = Transducer(settings)
    model.eval()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(0.1 * torch.randn_like(parameter))
    return model


@pytest.mark.parametrize("chunk", [16, 8])
@pytest.mark.parametrize("activation", ["silu", "swoosh"])
@pytest.mark.parametrize("layers", [(1, 1, 1, 1, 1, 1), (1, 2, 2, 3, 2, 1)])
def test_frames_are_those_of_the_network(chunk: int, activation: str, layers: tuple[int, ...], tmp_path: Path) -> None:
    """Twelve chunks, so that every cache has been full for some of them, with two streams in each call."""
    model = network(activation, layers)
    path = tmp_path / "encoder.compact.onnx"
    onnx.save(compact_encoder(model, chunk, shorten=False), str(path))
    encoder, reference = Encoder(path), StreamingEncoder(model)
    caches, states = reference.start(), [encoder.initial_state(), encoder.initial_state()]
    heard = np.random.default_rng(2).normal(-8.0, 4.0, (12, segment_frames(chunk), 80)).astype(np.float32)
    for segment in heard:
        with torch.no_grad():
            expected, *caches = reference(torch.from_numpy(segment)[None], *caches)
        (frames, first), (_, second) = encoder.run([segment, segment[::-1].copy()], states)
        states = [first, second]
        wanted = expected[0].numpy()
        assert frames.shape == wanted.shape
        assert np.abs(frames - wanted).max() < 1e-3 * max(1.0, float(wanted.std()))


def test_of_a_saved_graph_nothing_is_left_to_be_folded(tmp_path: Path) -> None:
    """Scenario.

    1. Graphs for both chunks are written whole, with constants as int8; what they give is what folding makes of it.
    2. They are written as a package has them, with one file of matrices.

    Result: the graphs have no constants in other types than they compute with, take no optimiser that folds, and give
    the same frames to the last bit.
    """
    model = network("silu", (1, 1, 1, 1, 1, 1))
    graphs = {tmp_path / f"encoder{kind}{COMPACT}": compact_encoder(model, n) for kind, n in (("", 16), (".160ms", 8))}
    wanted = []
    for path, graph in graphs.items():
        assert any(node.op_type == "Cast" for node in graph.graph.node)
        onnx.save(graph, str(path))
        wanted.append(frames_of_noise(Encoder(path)))
    save_compact(graphs, tmp_path / MATRICES)
    for path, expected in zip(graphs, wanted, strict=True):
        saved = onnx.load(str(path), load_external_data=False).graph
        assert not any(node.op_type == "Cast" for node in saved.node)
        assert {tensor.data_type for tensor in saved.initializer} == {TensorProto.FLOAT, TensorProto.INT64}
        files = {
            entry.value for tensor in saved.initializer for entry in tensor.external_data if entry.key == "location"
        }
        assert files == {FLOAT_MATRICES, path.name + TAPS}
        assert np.array_equal(frames_of_noise(Encoder(path)), expected)


def frames_of_noise(encoder: Encoder) -> Float32:
    """What two streams hear in twelve calls."""
    chance, states, found = np.random.default_rng(0), [encoder.initial_state() for _ in range(2)], list[Float32]()
    for _ in range(12):
        heard = [chance.normal(-8.0, 2.0, (encoder.segment_frames, 80)).astype(np.float32) for _ in states]
        results = encoder.run(heard, states)
        states = [state for _, state in results]
        found += [np.array(frames) for frames, _ in results]
    return np.concatenate(found)
