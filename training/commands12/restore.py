"""Weights out of an exported file, so that training can go on from a model whose checkpoints are gone."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from training.commands12.models.nc_ssm import NcSsm, SnrLayer

PREFIX = "model."
CALIBRATION_BATCH = 512


class Shelf:
    """Numbers of an exported file that lost their names to the exporter, taken shape by shape in order of use."""

    def __init__(self, path: Path) -> None:
        import onnx  # noqa: PLC0415 - needed here and for export only
        from onnx import numpy_helper  # noqa: PLC0415

        arrays = {each.name: numpy_helper.to_array(each) for each in onnx.load(path).graph.initializer}
        self.named = {
            name.removeprefix(PREFIX): torch.from_numpy(array.copy())
            for name, array in arrays.items()
            if name.startswith(PREFIX)
        }
        self._rest = [
            array for name, array in arrays.items() if not name.startswith(PREFIX) and array.dtype == np.float32
        ]

    @property
    def block_frames(self) -> int:
        """Frames that the recurrent network takes at a time."""
        return int(next(array.shape[1] for array in self._rest if array.shape[::2] == (1, 1) and array.ndim > 2))

    def take(self, *shape: int) -> Tensor:
        """The next number of this shape."""
        place = next(place for place, array in enumerate(self._rest) if array.shape == shape)
        return torch.from_numpy(self._rest.pop(place).copy())


def restored(build: Callable[[], nn.Module], path: Path, pictures: NDArray[np.uint8]) -> nn.Module:
    """A network with the weights of an exported file; some of `pictures` (n, 98, 40) settle its normalisations."""
    model = build()
    some = pictures[:: max(1, len(pictures) // CALIBRATION_BATCH)]
    restore(model, path, torch.from_numpy(some).float())
    return model


def mean_of(one: nn.Module, other: nn.Module) -> nn.Module:
    """`one` with the mean of its weights and another's: of a run and of what it began with.

    Wortsman et al. 2022, arXiv:2109.01903.
    """
    others = other.state_dict()
    with torch.no_grad():
        for name, value in one.state_dict().items():
            if value.is_floating_point():
                value.lerp_(others[name], 0.5)
    return one


def restore(model: nn.Module, path: Path, pictures: Tensor) -> None:
    """Bring a network to the weights of an exported file; `pictures` (n, 98, 40) settle its normalisations."""
    shelf = Shelf(path)
    with torch.no_grad():
        if isinstance(model, NcSsm):
            restore_frames(model, shelf)
        else:
            restore_windows(model, shelf, pictures[:CALIBRATION_BATCH])


def restore_frames(model: NcSsm, shelf: Shelf) -> None:
    """The recurrent network: matrices stand transposed in the file, decays as the numbers that are used."""
    model.load_state_dict(shelf.named, strict=False)
    for linear in linears(model):
        linear.weight.copy_(shelf.take(linear.in_features, linear.out_features).T)
    for conv in (model.bands, *(layer.conv for layer in snr_layers(model))):
        channels, _, frames = conv.weight.shape
        conv.weight.copy_(shelf.take(channels, 1, 1, frames).squeeze(2))
    for layer in snr_layers(model):
        layer.log_decay.copy_(torch.log(-shelf.take(len(layer.log_decay))))
    block = next(array.shape[1] for array in shelf._rest if array.ndim == 3)  # noqa: SLF001
    model.log_forget.copy_(torch.log(-torch.log(shelf.take(1, block, 1)[0, 0, 0])))


def snr_layers(model: NcSsm) -> Iterator[SnrLayer]:
    """The layers as what they are."""
    for layer in model.layers:
        yield cast("SnrLayer", layer)


def linears(model: NcSsm) -> Iterator[nn.Linear]:
    """In the order of use."""
    yield model.embed
    for layer in snr_layers(model):
        yield from (layer.inward, layer.step, layer.step_of_snr, layer.ways, layer.gate_of_snr, layer.outward)
    yield from (model.weigh, model.head)


def restore_windows(model: nn.Module, shelf: Shelf, pictures: Tensor) -> None:
    """The convolutions, whose normalisations the exporter folded in: they are unfolded by what passes through."""
    model.load_state_dict(
        {name: value for name, value in shelf.named.items() if not name.endswith("_bias")}, strict=False
    )
    biases = [value for name, value in shelf.named.items() if name.endswith("_bias")]
    norms = [
        module
        for name, module in model.named_modules()
        if isinstance(module, nn.BatchNorm2d) and f"{name}.running_mean" not in shelf.named
    ]
    for norm, bias in zip(norms, biases, strict=True):
        norm.reset_running_stats()
        cast("Tensor", norm.running_var).fill_(1.0 - norm.eps)
        norm.bias.copy_(bias)
    hooks = [norm.register_forward_pre_hook(unfold) for norm in norms]
    model.eval()(pictures)
    for hook in hooks:
        hook.remove()


def unfold(module: nn.Module, given: tuple[Tensor]) -> None:
    """Write the mean and variance of what comes in into a normalisation, and take them out of its weights again."""
    norm, (signal,) = cast("nn.BatchNorm2d", module), given
    mean, variance = signal.mean(dim=(0, 2, 3)), signal.var(dim=(0, 2, 3))
    cast("Tensor", norm.running_mean).copy_(mean)
    cast("Tensor", norm.running_var).copy_(variance)
    norm.weight.copy_(torch.sqrt(variance + norm.eps))
    norm.bias.add_(mean)
