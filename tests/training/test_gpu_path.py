"""What `train --device cuda` does, run on a CPU: everything but the capture of graphs and the kernel's launch."""

import csv
import os
import random
from contextlib import nullcontext
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="training needs torch: scripts/training-environment says how")

import soundfile  # noqa: E402  (after the skip)

from training.compiled import library  # noqa: E402
from training.zipformer.__main__ import main  # noqa: E402
from training.zipformer.averaging import MovingAverage  # noqa: E402
from training.zipformer.checkpoint import CHECKPOINT, load_model  # noqa: E402
from training.zipformer.data.augment import Surroundings  # noqa: E402
from training.zipformer.data.pack import read_pack, write_pack  # noqa: E402
from training.zipformer.data.records import Recording  # noqa: E402
from training.zipformer.data.rows import Row  # noqa: E402
from training.zipformer.data.units import read_units, train_pieces  # noqa: E402
from training.zipformer.flat import FlatParameters  # noqa: E402
from training.zipformer.loss import lattice, lattice_loop  # noqa: E402
from training.zipformer.loss.choice import TOLERANCE, disagreement, fastest_sums  # noqa: E402
from training.zipformer.model.settings import ModelSettings  # noqa: E402
from training.zipformer.model.transducer import Transducer  # noqa: E402
from training.zipformer.objective import Objective  # noqa: E402
from training.zipformer.optimizer import ScaledAdam  # noqa: E402
from training.zipformer.settings import TrainSettings  # noqa: E402
from training.zipformer.steps import RecordedStep, Step  # noqa: E402
from training.zipformer.train import Trainer  # noqa: E402
from training.zipformer.workers import Workers  # noqa: E402

pytestmark = [pytest.mark.training, pytest.mark.timeout(300)]

SMALL = ModelSettings(
    vocabulary=20,
    front_channels=(4, 4, 4),
    dimension=32,
    layers=(1, 1),
    downsampling=(1, 2),
    heads=(2, 2),
    kernels=(7, 7),
    feed_forward=32,
    decoder_dimension=32,
    joiner_dimension=32,
)
CPU = torch.device("cpu")


@pytest.fixture(autouse=True)
def _plain(monkeypatch: pytest.MonkeyPatch) -> None:
    torch.set_num_threads(1)
    monkeypatch.setattr("training.zipformer.metrics.plot", lambda *paths: paths[-1].write_bytes(b"a plot"))


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Sixty tones of half a second to two, some of them dev, and a hum; packed, with units."""
    folder, choose, recordings = tmp_path_factory.mktemp("tones"), random.Random(3), []
    for i in range(60):
        tone = 0.3 * np.sin(np.arange(choose.randrange(8000, 32000)) * (0.1 + 0.01 * i))
        soundfile.write(folder / f"{i}.wav", tone.astype(np.float32), 16000)
        text = " ".join(choose.sample(["STOP", "MUSIC", "LIGHTS"], 1 + i % 2))
        recordings.append(Recording(folder / f"{i}.wav", "dev" if i % 10 == 0 else "train", "tones", "nobody", text))
    soundfile.write(folder / "hum.wav", np.random.default_rng(0).normal(0, 0.03, 50000).astype(np.float32), 16000)
    write_pack(folder, [*recordings, Recording(folder / "hum.wav", "noise", "hum", "", "")])
    train_pieces(folder, ["STOP THE MUSIC", "LIGHTS AND VOLUME"], SMALL.vocabulary)
    return folder


def trainer(data: Path, run: Path, record: Any = None, **changes: Any) -> Trainer:
    settings = TrainSettings(
        half=False,
        warmup=2,
        rate=0.02,
        batch_seconds=6.0,
        row_seconds=3.0,
        listen=0,
        average=0.9,
        chunks=((8, 16), (16, -1)),
        report_every=1,
        **changes,
    )
    return Trainer(run, read_pack(data), read_units(data), SMALL, settings=settings, device=CPU, record=record)


def joint_losses(run: Path) -> list[float]:
    with (run / "metrics.csv").open(newline="") as rows:
        return [float(row["joint"]) for row in csv.DictReader(rows)]


def test_recorded_steps_train_as_plain_ones_do(data: Path, tmp_path: Path) -> None:
    """Fixed shapes, rows laid by look-up, buffers, warm-ups undone, played back: the same losses and weights.

    1. Train four steps plainly. 2. Train four where every step is recorded, the recording doing the work twice first.
    """
    played = []

    def record(work: Any) -> Any:
        def play() -> None:
            played.append(work)
            work()

        work()
        work()
        return play

    trainer(data, tmp_path / "plain", steps=4).run()
    recorded = trainer(data, tmp_path / "recorded", record, steps=4)
    recorded.run()
    assert len(played) == 4
    assert joint_losses(tmp_path / "recorded") == pytest.approx(joint_losses(tmp_path / "plain"), rel=1e-3)
    plain, other = (load_model(tmp_path / run / CHECKPOINT).state_dict() for run in ("plain", "recorded"))
    for name, value in plain.items():
        assert (value - other[name]).abs().max() < 1e-3 * max(1.0, float(value.abs().max())), name


class Numberless:
    """Draws for a device that has shapes and no numbers."""

    def __init__(self, _seed: int, device: Any, *, asking: bool) -> None:
        assert not asking
        self.device, self.asking = device, asking

    def uniform(self, _low: float, _high: float, *shape: int) -> Any:
        """Give the shape of what would be drawn."""
        return torch.rand(*shape, device=self.device)

    def integers(self, high: int, *shape: int) -> Any:
        """Likewise."""
        return torch.randint(high, shape, device=self.device)

    def normal(self, shape: Any) -> Any:
        """Likewise."""
        return torch.randn(shape, device=self.device)


def test_nothing_is_asked_of_the_device_from_laying_to_the_average(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A batch and a step on PyTorch's device without numbers, where asking for one fails, and so does a mixture."""
    monkeypatch.setattr("training.zipformer.data.row_batches.Chance", Numberless)
    monkeypatch.setattr("torch.autocast", lambda *_, **__: nullcontext())  # knows no such device
    meta, here = torch.device("meta"), trainer(data, tmp_path, record=lambda work: work, steps=1)
    rows, batches = here.material.rows, here.material.plan(0, 1)
    assert rows is not None
    assert rows.fixed is not None
    rows.device = meta
    rows.fixed = replace(rows.fixed, audio=rows.fixed.audio.to(meta))
    rows.surroundings = Surroundings(rows.surroundings.noise.to(meta), torch.rand(5, 8000, device=meta))
    rows.crowd = rows.crowd.to(meta)
    batch = rows.batch([row for row in batches[0] if isinstance(row, Row)], seed=1)
    model = Transducer(SMALL).to(meta)
    flat = FlatParameters(model)
    optimizer, average = ScaledAdam(flat), MovingAverage(flat, 0.9)
    step = Step(Objective(model, here.settings, meta), flat, optimizer, average, Workers())
    for chunk, left in here.settings.chunks:
        assert {loss.device.type for loss in step.take(batch, chunk, left, 1)} == {"meta"}
    assert {tensor.device.type for tensor in [*batch.tensors(), *step.changed()]} == {"meta"}


def test_where_nothing_can_be_recorded_training_goes_on(
    data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail(work: Any) -> Any:
        work()
        raise RuntimeError("operation not permitted when stream is capturing")

    broken = trainer(data, tmp_path / "run", fail, steps=1)
    broken.run()
    assert isinstance(broken._step, RecordedStep)
    assert "not permitted" in capsys.readouterr().out
    assert len(joint_losses(tmp_path / "run")) == 1


def test_a_recorded_run_goes_on_from_its_checkpoint(data: Path, tmp_path: Path) -> None:
    """Four steps equal two and two, to the last digit: nothing of the warm-up is left."""
    same = partial(trainer, data, record=lambda work: work)
    same(tmp_path / "whole", steps=4).run()
    same(tmp_path / "parts", steps=2).run()
    same(tmp_path / "parts", steps=4).run()
    assert joint_losses(tmp_path / "whole") == joint_losses(tmp_path / "parts")


def test_what_comes_home_is_small_files(data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`train --minutes M --cool-minutes C --out OUT` ends by itself.

    Result: averaged weights as float16, the checkpoint in parts that make it again, the curve.
    """
    monkeypatch.setattr("training.zipformer.saving.PART_BYTES", 1_000_000)
    run, out = tmp_path / "run", tmp_path / "out"
    rows = ["--row-seconds", "3", "--batch-seconds", "6", "--listen", "0", "--average", "0.9", "--warmup", "2"]
    ends = ["--minutes", "0.05", "--cool-minutes", "0.03", "--save-minutes", "0.01"]
    main(["train", str(data), str(run), "--front", "4,4,4", "--device", "cpu", "--out", str(out), *rows, *ends])
    parts = sorted(out.glob("checkpoint-*"))
    assert b"".join(part.read_bytes() for part in parts) == (run / CHECKPOINT).read_bytes()
    assert max(path.stat().st_size for path in out.glob("checkpoint-*")) <= 1_000_000
    kept = torch.load(run / CHECKPOINT, weights_only=True)
    home = load_model(out / "average.pt").state_dict()
    assert all(torch.equal(value.half().float(), home[name]) for name, value in kept["average"].items())
    assert not list(out.glob(".*"))


@pytest.mark.parametrize("device", ["cuda", "cuda-eager"])
def test_a_gpu_is_asked_for_where_there_is_none(
    data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], device: str
) -> None:
    if torch.cuda.is_available():
        pytest.skip("there is a GPU here")
    assert main(["train", str(data), str(tmp_path), "--device", device]) == 1
    assert "no GPU" in capsys.readouterr().err


def test_a_kernel_is_taken_only_where_it_runs_and_is_right(capsys: pytest.CaptureFixture[str]) -> None:
    def wrong(*given: Any) -> Any:
        total, blank, emit = lattice.all_alignments(*given)
        return total, blank, emit * 1.01

    assert disagreement(lattice.all_alignments, CPU) == 0.0
    assert disagreement(wrong, CPU) > TOLERANCE
    if not torch.cuda.is_available():
        assert fastest_sums(torch.device("cuda")) is lattice.all_alignments
        assert "step by step" in capsys.readouterr().out


def test_the_loop_sums_as_the_reference_does_and_is_taken_where_there_is_a_compiler(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Clips of many lengths, one of no frames; then without a compiler."""
    if library(lattice_loop.SOURCE) is None:
        pytest.skip("no C compiler")
    assert disagreement(lattice_loop.all_alignments, CPU) < 1e-6
    assert fastest_sums(CPU) is lattice_loop.all_alignments
    monkeypatch.setattr(lattice_loop, "library", lambda _: None)
    assert fastest_sums(CPU) is lattice.all_alignments
    assert "no C compiler" in capsys.readouterr().out


def test_the_kernel_sums_as_the_reference_does(monkeypatch: pytest.MonkeyPatch) -> None:
    """In Triton's interpreter, and compiled for an H200 without one."""
    monkeypatch.setitem(os.environ, "TRITON_INTERPRET", "1")
    triton = pytest.importorskip("triton", reason="the kernel needs triton: pip install triton==3.6.0")
    if int(np.__version__.split(".")[1]) > 3:
        pytest.skip("Triton's interpreter needs NumPy below 2.4")
    from training.zipformer.loss import lattice_kernel  # noqa: PLC0415 - after the skip, and interpreted

    assert triton.knobs.runtime.interpret
    assert disagreement(lattice_kernel.all_alignments, CPU) < 1e-12
