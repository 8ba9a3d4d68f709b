"""`average`: the mean of weights, of whatever runs, and what it is worth."""

import dataclasses
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="training needs torch: scripts/training-environment says how")

import soundfile  # noqa: E402  (after the skip)
from torch import Tensor  # noqa: E402

from training.zipformer.__main__ import main  # noqa: E402
from training.zipformer.checkpoint import load_model, save_weights, weight_files  # noqa: E402
from training.zipformer.data.pack import read_pack, write_pack  # noqa: E402
from training.zipformer.data.records import Recording  # noqa: E402
from training.zipformer.data.units import read_units, train_pieces  # noqa: E402
from training.zipformer.model.settings import ModelSettings  # noqa: E402
from training.zipformer.model.transducer import Transducer  # noqa: E402
from training.zipformer.settings import TrainSettings  # noqa: E402
from training.zipformer.train import Trainer  # noqa: E402

pytestmark = [pytest.mark.training, pytest.mark.timeout(120)]

PIECES = 42
SMALL = ModelSettings(vocabulary=PIECES, front_channels=(4, 4, 4), dimension=32, feed_forward=32)


def kept(folder: Path, *values: float, settings: ModelSettings = SMALL) -> list[Path]:
    """Write weights of a run that differ in one bias."""
    folder.mkdir(exist_ok=True)
    model = Transducer(settings)
    for step, value in enumerate(values):
        torch.nn.init.constant_(model.joiner.output_linear.bias, value)
        save_weights(folder, model, step, keep=2)
    return weight_files(folder)


def bias(weights: Path) -> Tensor:
    return load_model(weights).joiner.output_linear.bias


def test_a_run_keeps_its_newest_weights_and_their_mean_lies_beside_them(tmp_path: Path) -> None:
    assert len(kept(tmp_path, 7, 1, 3)) == 2
    assert main(["average", str(tmp_path)]) == 0
    assert torch.allclose(bias(tmp_path / "average.pt"), torch.tensor(2.0))


def test_named_weights_count_by_their_shares_whatever_these_add_up_to(tmp_path: Path) -> None:
    first, second = kept(tmp_path, 7, 1)
    mean = tmp_path / "mean.pt"
    assert main(["average", f"{first}:2", f"{second}:6", "--output", str(mean), "--half"]) == 0
    assert torch.allclose(bias(mean), torch.tensor(2.5))
    assert torch.load(mean, weights_only=True)["model"]["joiner.output_linear.bias"].dtype == torch.float16


def test_what_a_mean_is_worth_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    hiss = np.random.default_rng(1).normal(0, 0.1, 48_000)
    soundfile.write(tmp_path / "hiss.wav", hiss, 16_000)
    write_pack(tmp_path, [Recording(tmp_path / "hiss.wav", "dev", "corpus", "speaker", "STOP LIGHTS")])
    train_pieces(tmp_path, ["LIGHTS", "MUSIC", "STOP", "VOLUME", "COMPUTER", "KITCHEN"], PIECES)
    (weights,) = kept(tmp_path, 0)
    assert main(["average", str(weights), "--dev", str(tmp_path)]) == 0
    settings = TrainSettings(listen=0, batch_seconds=165.0, average=0.0)
    trainer = Trainer(
        tmp_path / "run",
        read_pack(tmp_path),
        read_units(tmp_path),
        SMALL,
        settings=settings,
        device=torch.device("cpu"),
    )
    trainer.begin_with(weights)
    assert float(capsys.readouterr().out.rpartition("dev loss ")[2]) == pytest.approx(trainer.dev_loss(), abs=1e-4)


def test_networks_of_other_shapes_are_not_averaged(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (small,) = kept(tmp_path / "small", 1)
    (large,) = kept(tmp_path / "large", 1, settings=dataclasses.replace(SMALL, feed_forward=64))
    assert main(["average", str(small), str(large)]) == 1
    assert f"{large}: a network of another shape than that of {small}" in capsys.readouterr().err
