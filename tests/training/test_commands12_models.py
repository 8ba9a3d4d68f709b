"""The networks of the 12-class recipe, and what is exported of them. Needs torch."""

from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from torch import Tensor  # noqa: E402

from kwsd.acoustic.session import make_session  # noqa: E402 - torch decides whether any of this is run
from kwsd.commands12.nc_ssm import START_FRAMES  # noqa: E402
from training.commands12.export import BLOCK_FRAMES, export  # noqa: E402
from training.commands12.models import scan_kernel  # noqa: E402
from training.commands12.models.nc_ssm import NcSsm, NcSsmSize  # noqa: E402
from training.commands12.models.noise_floor import follow, snr  # noqa: E402
from training.commands12.models.registry import RECIPES  # noqa: E402
from training.commands12.models.scan import STRETCH_FRAMES, scan_stretch, selective_scan  # noqa: E402
from training.compiled import library  # noqa: E402

pytestmark = pytest.mark.training
torch.set_num_threads(1)  # the layers are small: a second thread only waits

SMALL = NcSsmSize(width=18, inner=21, heads=3, states=4)


def pictures(count: int, frames: int = 98) -> Tensor:
    return torch.rand(count, frames, 40, generator=torch.Generator().manual_seed(1)) * 200.0


def lively(size: NcSsmSize) -> NcSsm:
    """A model whose every weight matters: a fresh one starts with some at zero."""
    torch.manual_seed(2)
    model = NcSsm(size)
    with torch.no_grad():
        for weight in model.parameters():
            weight.add_(torch.randn_like(weight) * 0.1)
    model.eval()
    return model


@pytest.mark.parametrize(
    ("name", "least", "most"),
    [
        ("ds-cnn", 119_372, 119_372),
        ("ds-cnn-s", 22_000, 26_000),
        ("nc-ssm-5k", 4_500, 5_500),
        ("nc-ssm-12k", 11_000, 13_000),
        ("nc-ssm-20k", 19_000, 21_500),
        ("bc-resnet-1", 7_000, 9_500),
    ],
)
def test_sizes_are_the_published_ones(name: str, least: int, most: int) -> None:
    model = RECIPES[name].build()
    assert least <= sum(weight.numel() for weight in model.parameters()) <= most
    assert model.eval()(pictures(2)).shape == (2, 12)


def test_frame_by_frame_equals_the_whole_sequence() -> None:
    model, batch = lively(SMALL), pictures(3)
    whole, *ends = model.stream(batch, *model.start(3))
    states, steps = model.start(3), []
    for frame in batch.split(1, dim=1):
        logits, *states = model.stream(frame, *states)
        steps.append(logits)
    assert (torch.cat(steps, dim=1) - whole).abs().max() < 1e-4
    assert all(torch.allclose(one, other, atol=1e-4) for one, other in zip(states, ends, strict=True))
    assert (model(batch) - whole[:, -1]).abs().max() < 1e-5


def test_every_output_depends_on_the_past_only() -> None:
    model, batch = lively(SMALL), pictures(1)
    changed = batch.clone()
    changed[:, 60:] = 0.0
    before, after = (model.stream(each, *model.start())[0] for each in (batch, changed))
    assert torch.equal(before[:, :60], after[:, :60])
    assert not torch.equal(before[:, 60:], after[:, 60:])


def test_the_scan_is_the_plain_recurrence() -> None:
    draw = torch.Generator().manual_seed(3)
    frames, heads, width, n = 2 * STRETCH_FRAMES + 3, 2, 3, 4
    x = torch.randn(1, frames, heads, width, generator=draw)
    dt = torch.rand(1, frames, heads, generator=draw)
    b, c = (torch.randn(1, frames, n, generator=draw) for _ in range(2))
    decay = -torch.tensor([0.5, 30.0])
    state = torch.randn(1, heads, n, width, generator=draw)
    y, last = selective_scan(x, dt, decay, b=b, c=c, state=state)
    for t in range(frames):
        fade = torch.exp(dt[:, t] * decay)[..., None, None]
        added = torch.einsum("bn,bhw->bhnw", b[:, t], x[:, t] * dt[:, t, :, None])
        state = fade * state + added
        torch.testing.assert_close(y[:, t], torch.einsum("bn,bhnw->bhw", c[:, t], state), atol=1e-4, rtol=1e-4)
    torch.testing.assert_close(last, state, atol=1e-5, rtol=1e-4)


@pytest.mark.skipif(library(scan_kernel.SOURCE) is None, reason="no C compiler")
def test_the_compiled_scan_leaves_the_process_its_subnormal_numbers() -> None:
    """Linked with -ffast-math it would have the whole process flush them to zero."""
    assert np.float64(5e-324) * np.ones(1)[0] > 0.0


@pytest.mark.skipif(library(scan_kernel.SOURCE) is None, reason="no C compiler")
def test_the_compiled_scan_gives_the_same_numbers_and_gradients() -> None:
    draw = torch.Generator().manual_seed(5)
    shapes = ((16, 13, 3, 5), (16, 13, 4), (16, 13, 4), (16, 3, 4, 5))
    x, b, c, state = (torch.randn(*shape, generator=draw, requires_grad=True) for shape in shapes)
    dt = torch.rand(16, 13, 3, generator=draw, requires_grad=True)
    decay = (-torch.rand(3, generator=draw)).requires_grad_()
    weigh = torch.randn(16, 13, 3, 5, generator=draw)
    results = []
    for scan in (scan_stretch, scan_kernel.compiled_scan):
        y, last = scan(x, dt, decay, b=b, c=c, state=state)
        loss = (y * weigh).sum() + last.square().sum()
        results.append((y, last, *torch.autograd.grad(loss, (x, dt, decay, b, c, state))))
    for one, other in zip(*results, strict=True):
        torch.testing.assert_close(one, other, atol=1e-4, rtol=1e-4)


def test_the_scan_survives_long_steps() -> None:
    x, one = torch.ones(1, 40, 1, 1, requires_grad=True), torch.ones(1, 40, 1)
    y, _ = selective_scan(x, one * 1e3, torch.tensor([-1e3]), b=one, c=one, state=torch.zeros(1, 1, 1, 1))
    y.sum().backward()
    assert torch.isfinite(y).all()
    assert x.grad is not None
    assert torch.isfinite(x.grad).all()


def test_the_noise_floor_starts_as_a_mean_and_follows_the_quiet() -> None:
    grey = torch.cat([torch.full((1, 20, 40), 50.0), torch.full((1, 30, 40), 150.0), torch.full((1, 50, 40), 20.0)], 1)
    grey[:, :START_FRAMES] += torch.linspace(-10, 10, START_FRAMES).view(1, -1, 1)
    floors, _ = follow(grey, torch.zeros(1, 40), torch.zeros(()))
    assert floors[0, START_FRAMES - 1, 0] == pytest.approx(50.0, abs=1e-3)
    assert floors[0, 49, 0] < 90.0
    assert floors[0, -1, 0] == pytest.approx(20.0, abs=0.5)
    ratio = snr(grey, floors)
    assert ratio[0, 25, 0] > 2.0
    assert ratio.min() >= -1.0


def test_a_low_ratio_slows_a_fresh_model() -> None:
    layer = NcSsm(SMALL).layers[0]
    quiet, loud = (layer.step_of_snr(torch.full((1, 1, 40), ratio)) for ratio in (0.0, 2.0))
    assert (loud > quiet).all()


@pytest.mark.filterwarnings("ignore")  # torch's exporter warns of its own parts
@pytest.mark.parametrize("name", ["ds-cnn-s", "nc-ssm-5k"])
def test_the_exported_file_gives_the_networks_numbers(name: str, tmp_path: Path) -> None:
    pytest.importorskip("onnxscript", reason="torch's exporter needs onnxscript")
    torch.manual_seed(4)
    model = lively(SMALL) if name == "nc-ssm-5k" else RECIPES[name].build().eval()
    path = tmp_path / f"{name}.onnx"
    export(model, path)
    session = make_session(path)
    batch = pictures(1, 10 * BLOCK_FRAMES if name == "nc-ssm-5k" else 98)
    if name == "nc-ssm-5k":
        state = np.zeros(session.get_inputs()[1].shape, np.float32)
        rows = []
        for block in batch.split(BLOCK_FRAMES, dim=1):
            found, state = session.run(None, {"frames": block.numpy(), "state": state})
            rows.append(found)
        wanted = torch.softmax(model.stream(batch, *model.start())[0], dim=-1)
        np.testing.assert_allclose(np.concatenate(rows, axis=1), wanted.detach().numpy(), atol=1e-4)
    else:
        (found,) = session.run(None, {"frames": batch.numpy()})
        np.testing.assert_allclose(found, torch.softmax(model(batch), dim=-1).detach().numpy(), atol=1e-4)
