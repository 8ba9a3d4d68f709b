"""The transducer loss of the Zipformer recipe: against every alignment, and its band against the full lattice."""

import itertools
from typing import Any

import pytest

torch = pytest.importorskip("torch", reason="training needs torch: scripts/training-environment says how")

from training.zipformer.loss.lattice import transducer_loss  # noqa: E402  (after the skip)
from training.zipformer.loss.pruned import band_starts, banded_arcs, losses  # noqa: E402
from training.zipformer.model.settings import ModelSettings  # noqa: E402
from training.zipformer.model.transducer import Transducer  # noqa: E402

pytestmark = pytest.mark.training

SMALL = ModelSettings(
    vocabulary=52, dimension=48, layers=(1,), downsampling=(1,), heads=(2,), kernels=(15,), joiner_dimension=64
)


@pytest.fixture(autouse=True)
def _seed() -> None:
    torch.manual_seed(0)


def sum_over_alignments(blank: Any, emit: Any, frames: int, tokens: int) -> Any:
    """Minus the log of the sum over every way to place `tokens` on `frames`, one at most on each."""
    paths = []
    for placed in itertools.combinations(range(frames), tokens):
        said, score = 0, torch.zeros((), dtype=blank.dtype)
        for t in range(frames):
            score = score + (emit if t in placed else blank)[t, said]
            said += t in placed
        paths.append(score)
    return -torch.stack(paths).logsumexp(0)


def test_loss_and_gradient_equal_the_sum_over_alignments() -> None:
    frames, tokens = torch.tensor([6, 4, 3, 2]), torch.tensor([3, 1, 3, 0])
    blank = torch.randn(4, 6, 4, dtype=torch.float64, requires_grad=True)
    emit = torch.randn(4, 6, 4, dtype=torch.float64, requires_grad=True)
    expected = torch.stack([sum_over_alignments(blank[n], emit[n], int(frames[n]), int(tokens[n])) for n in range(4)])
    found, occupancy = transducer_loss(blank, emit, frames, tokens)
    assert torch.allclose(found, expected)
    weights = torch.tensor([1.0, -2.0, 0.5, 3.0], dtype=torch.float64)
    for ours, theirs in zip(
        torch.autograd.grad((found * weights).sum(), (blank, emit)),
        torch.autograd.grad((expected * weights).sum(), (blank, emit)),
        strict=True,
    ):
        assert torch.allclose(ours, theirs)
    in_some_node = occupancy.sum(dim=2)
    assert torch.allclose(in_some_node[0], torch.ones(6, dtype=torch.float64))
    assert not in_some_node[3, 2:].any()


@pytest.mark.parametrize("band", [2, 3, 5])
def test_band_is_connected_and_holds_both_ends(band: int) -> None:
    frames, tokens = torch.tensor([30, 22, 30]), torch.tensor([12, 9, 0])
    starts = band_starts(torch.rand(3, 30, 13), frames, tokens, band)
    steps = starts.diff(dim=1)
    assert (starts[:, 0] == 0).all()
    assert (steps >= 0).all()
    assert (steps < band).all()
    for n in range(3):
        last = int(starts[n, frames[n] - 1])
        assert last <= int(tokens[n]) < last + band


def test_a_band_of_all_tokens_is_the_full_lattice() -> None:
    model = Transducer(SMALL).eval()
    encoded, targets = torch.randn(2, 12, SMALL.dimension), torch.randint(3, 52, (2, 4))
    frames, tokens = torch.tensor([12, 9]), torch.tensor([4, 2])
    text = model.decoder.of_targets(targets)
    logits = model.joiner(model.encoder_proj(encoded).unsqueeze(2), text.unsqueeze(1)).log_softmax(-1)
    following = torch.nn.functional.pad(targets, (0, 1))[:, None, :, None].expand(-1, 12, -1, 1)
    full, _ = transducer_loss(logits[..., 0], logits.gather(3, following).squeeze(3), frames, tokens)
    assert torch.allclose(losses(model, encoded, frames, targets, tokens, band=0)[1], full, atol=1e-4)
    nodes = torch.arange(5).expand(2, 12, 5)
    blank, _ = banded_arcs(model, model.encoder_proj(encoded), text, targets, nodes)
    assert torch.allclose(blank, logits[..., 0], atol=1e-4)
