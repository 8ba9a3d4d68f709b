"""The compact graph of a network computes what the network does, whatever its layers, chunks and activation."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("torch")
import onnx
import torch

from kwsd.acoustic.encoder import Encoder
from training.zipformer.export import StreamingEncoder, compact_encoder, segment_frames
from training.zipformer.model.settings import ModelSettings
from training.zipformer.model.transducer import Transducer

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
