"""The joiner is computed in NumPy where it is what joiners usually are, and by its graph where it is not."""

import shutil
from pathlib import Path

import numpy as np
import onnx
import pytest

from kwsd import Model
from kwsd.acoustic.transducer import Transducer
from kwsd.models.directory import PACKAGED_MODELS
from kwsd.stream import Float32


def logits_by_graph(transducer: Transducer, frames: Float32, contexts: list[tuple[int, int]]) -> Float32:
    decoded = np.array([transducer._decoded(context)[: frames.shape[1]] for context in contexts])
    logits = transducer._run(frames, decoded).astype(np.float64)
    return np.asarray(logits - np.log(np.exp(logits).sum(axis=1, keepdims=True)), np.float32)


@pytest.mark.parametrize("ours", [False, True])
def test_a_product_gives_what_the_graph_gives(ours: bool, tiny_model_dir: Path) -> None:
    model = Model(PACKAGED_MODELS[1] / "kwsd-en" if ours else tiny_model_dir)
    assert model.transducer._output is not None
    assert (model.transducer._output.bias is None) == ours  # another one for each context
    frames = np.random.default_rng(1).normal(0, 2, (5, model.encoder.width)).astype(np.float32)
    contexts = [(0, 1), (1, 2), (2, 1), (1, 1), (0, 2)]
    expected = logits_by_graph(model.transducer, frames, contexts)
    assert np.abs(model.transducer.log_probs(frames, contexts) - expected).max() < 1e-4
    each = model.transducer.log_probs_each(frames, contexts)
    assert each.shape == (5, 5, model.transducer.vocabulary_size)
    assert np.abs(each[range(5), range(5)] - expected).max() < 1e-4


def test_another_joiner_is_run_as_it_is(tmp_path: Path) -> None:
    source = PACKAGED_MODELS[1] / "kwsd-en"
    joiner = onnx.load(source / "joiner.onnx")
    for node in joiner.graph.node:
        node.op_type = node.op_type.replace("Tanh", "Softsign")
    onnx.save(joiner, tmp_path / "joiner.onnx")
    shutil.copy(source / "decoder.onnx", tmp_path)
    transducer = Transducer(tmp_path / "decoder.onnx", tmp_path / "joiner.onnx", (0,))
    assert transducer._output is None
    frames = np.random.default_rng(1).normal(0, 2, (2, 128)).astype(np.float32)
    expected = logits_by_graph(transducer, frames, [(0, 1), (3, 2)])
    assert np.allclose(transducer.log_probs(frames, [(0, 1), (3, 2)]), expected, atol=1e-5)
    assert np.allclose(transducer.log_probs_each(frames, [(0, 1), (3, 2)])[range(2), range(2)], expected, atol=1e-5)


def test_a_group_gets_the_answer_that_it_would_get_alone() -> None:
    """BLAS takes another way for more rows, which ends otherwise in the last digit."""
    transducer = Model.load("kwsd-en").transducer
    sizes = [1, 8, 3, 5, 2, 8, 13, 1]
    frames = np.random.default_rng(0).normal(0, 1, (sum(sizes), 128)).astype(np.float32)
    contexts = [(row % 40 + 1, row % 29 + 1) for row in range(len(frames))]
    together = transducer.log_probs(frames, contexts, sizes)
    ends = np.cumsum(sizes)
    for start, end in zip(ends - sizes, ends, strict=True):
        assert np.array_equal(transducer.log_probs(frames[start:end], contexts[start:end]), together[start:end])
