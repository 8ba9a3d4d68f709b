"""What makes a training step cheaper changes nothing: attention by chunks, the joiner on real frames, layers in C++."""

from dataclasses import replace
from typing import Any

import pytest

torch = pytest.importorskip("torch", reason="training needs torch: scripts/training-environment says how")

import torch._dynamo as dynamo  # noqa: E402  (after the skip)
from torch._dynamo.utils import counters  # noqa: E402

from training.zipformer.loss.lattice import transducer_loss  # noqa: E402  (after the skip)
from training.zipformer.loss.pruned import banded_arcs, losses  # noqa: E402
from training.zipformer.model import encoder as encoders  # noqa: E402
from training.zipformer.model.compiled import compile_layers  # noqa: E402
from training.zipformer.model.settings import ModelSettings  # noqa: E402
from training.zipformer.model.transducer import Transducer  # noqa: E402

pytestmark = pytest.mark.training

SMALL = replace(
    ModelSettings(vocabulary=20, front_channels=(4, 4, 4), dimension=32, feed_forward=32),
    decoder_dimension=32,
    joiner_dimension=32,
)


def small() -> Transducer:
    """A network of one layer in each of its stacks."""
    torch.manual_seed(0)
    model = Transducer(SMALL)
    model.double()
    return model


def heard(model: Transducer, chunk: int, left: int) -> tuple[Any, list[Any]]:
    """Frames of two utterances, the second a shorter one, and what each parameter is to learn from them."""
    model.zero_grad()
    torch.manual_seed(1)
    features = torch.randn(2, 1003, 80, dtype=torch.float64) * 4 - 7
    features[1, 640:] = encoders.SILENCE
    frames, counts = model.encoder(features, torch.tensor([1003, 640]), chunk, left)
    real = torch.arange(frames.shape[1]) < counts.unsqueeze(1)
    (frames[real] * torch.linspace(-1.0, 1.0, frames.shape[-1], dtype=torch.float64)).tanh().sum().backward()
    return frames[real].detach(), [one.grad.clone() for one in model.encoder.parameters() if one.grad is not None]


@pytest.mark.parametrize(("chunk", "left"), [(8, 64), (16, 64), (16, 128), (32, 64)])
def test_attention_chunk_by_chunk_is_that_of_the_masked_whole(
    monkeypatch: pytest.MonkeyPatch, chunk: int, left: int
) -> None:
    """1. Encode in chunks side by side. 2. Again with all pairs of frames and a mask: the same frames and gradients."""
    model = small()
    cut, steep = heard(model, chunk, left)
    monkeypatch.setattr(encoders, "WORTH_CUTTING", 10**9)
    whole, steep_too = heard(model, chunk, left)
    assert (cut != whole).any(), "nothing was cut"
    for one, other in zip([cut, *steep], [whole, *steep_too], strict=True):
        assert torch.allclose(one, other, atol=1e-9)


@pytest.mark.filterwarnings("ignore")  # the compiler touches what warns, in PyTorch's own code
def test_compiled_layers_are_the_layers() -> None:
    """In training alone: a network that is not trained hears as before, in any length, and nothing is compiled."""
    dynamo.reset()
    model = small()
    plain, steep = heard(model, 16, 64)
    compile_layers(model.encoder.stacks[1:3], backend="eager")
    model.eval()
    heard(model, 16, 64)
    assert not counters["stats"]["unique_graphs"]
    model.train()
    compiled, steep_too = heard(model, 16, 64)
    assert counters["stats"]["unique_graphs"] == 2
    for one, other in zip([plain, *steep], [compiled, *steep_too], strict=True):
        assert torch.allclose(one, other, atol=1e-9)


def test_without_a_compiler_layers_cannot_be_compiled(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nonexistent")
    with pytest.raises(ValueError, match="install g"):
        compile_layers(small().encoder.stacks)


def test_the_joiner_on_real_frames_alone_gives_the_loss_of_all() -> None:
    """Three clips, one of them of no frames, in a batch with room behind each."""
    model = small()
    encoded, targets = torch.randn(3, 40, 32, dtype=torch.float64, requires_grad=True), torch.randint(1, 20, (3, 9))
    frames, tokens = torch.tensor([40, 22, 0]), torch.tensor([9, 5, 0])
    found = losses(model, encoded, frames, targets, tokens, band=10)[1]
    found.sum().backward()
    steep = encoded.grad.clone()
    encoded.grad = None
    nodes = torch.arange(10).expand(3, 40, 10)
    text = model.decoder.of_targets(targets)
    blank, emit = banded_arcs(model, model.encoder_proj(encoded), text, targets, nodes)
    every, _ = transducer_loss(blank, emit, frames, tokens)
    every.sum().backward()
    assert torch.allclose(found, every, atol=1e-4)
    assert torch.allclose(steep, encoded.grad, atol=1e-4)
