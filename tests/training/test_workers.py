"""Several processes that train one network of the Zipformer recipe."""

import math
import os
import random
import subprocess
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="training needs torch: scripts/training-environment says how")

import soundfile  # noqa: E402  (after the skip)

from training.zipformer.__main__ import main  # noqa: E402
from training.zipformer.checkpoint import CHECKPOINT, load_model  # noqa: E402
from training.zipformer.data.batches import plan_epoch  # noqa: E402
from training.zipformer.data.pack import Clip, read_pack, write_pack  # noqa: E402
from training.zipformer.data.records import Recording  # noqa: E402
from training.zipformer.data.units import read_units, train_pieces  # noqa: E402
from training.zipformer.settings import TrainSettings  # noqa: E402
from training.zipformer.train import Trainer  # noqa: E402
from training.zipformer.workers import Workers, start  # noqa: E402

pytestmark = [pytest.mark.training, pytest.mark.timeout(120)]


def share(folder: Path, workers: Workers) -> None:
    """Share gradients of which each worker has its own."""
    gradients = torch.full((2, 3), 1.0 + workers.rank)
    workers.share(gradients)
    torch.save((gradients, workers.total(2.5)), folder / f"{workers.rank}.pt")


def linger(folder: Path, workers: Workers) -> None:
    """Tell who this is and stay."""
    (folder / f"{workers.rank}.part").write_text(str(os.getpid()))
    (folder / f"{workers.rank}.part").rename(folder / f"{workers.rank}.pid")
    time.sleep(60)


def lives(process: int) -> bool:
    """Whether a process is there and not merely waiting to be buried."""
    try:
        return Path(f"/proc/{process}/stat").read_text().split()[2] != "Z"
    except FileNotFoundError:
        return False


def until(condition: Callable[[], bool], seconds: float) -> bool:
    """Wait for a condition; say whether it came."""
    end = time.monotonic() + seconds
    while not condition() and time.monotonic() < end:
        time.sleep(0.1)
    return condition()


def test_workers_end_with_the_one_that_started_them(tmp_path: Path) -> None:
    """Left behind, they went on writing checkpoints beside those of the next run.

    1. Start two where interrupts are ignored, as behind `&` in a script. 2. Kill their parent. Result: they are gone.
    """
    root = Path(__file__).parents[2]
    code = f"""
import sys; sys.path.insert(0, {str(root)!r})
import functools, pathlib, training.zipformer.workers as workers; from tests.training import test_workers
workers.start(2, functools.partial(test_workers.linger, pathlib.Path({str(tmp_path)!r})))
"""
    deaf = 'trap \'\' INT; exec "$0" -c "$1"'
    parent = subprocess.Popen(["sh", "-c", deaf, sys.executable, code])
    files = [tmp_path / "0.pid", tmp_path / "1.pid"]
    assert until(lambda: all(file.exists() for file in files), 60)
    processes = [int(file.read_text()) for file in files]
    parent.kill()
    parent.wait()
    assert until(lambda: not any(map(lives, processes)), 10)


def test_workers_share_the_mean_of_their_gradients(tmp_path: Path) -> None:
    start(2, partial(share, tmp_path))
    for rank in (0, 1):
        gradients, total = torch.load(tmp_path / f"{rank}.pt")
        assert torch.equal(gradients, torch.full((2, 3), 1.5))
        assert total == 5.0


def pack_of_noise(folder: Path, count: int) -> Path:
    """Pack recordings of two seconds each, as long with their silence as a batch of 4 s can take."""
    noise = np.random.default_rng(0).normal(0, 0.1, (count, 32000)).astype(np.float32)
    recordings = []
    for i, samples in enumerate(noise):
        soundfile.write(folder / f"{i}.wav", samples, 16000)
        recordings.append(Recording(folder / f"{i}.wav", "train", "noise", "nobody", "STOP THE MUSIC"))
    write_pack(folder, recordings)
    train_pieces(folder, ["STOP THE MUSIC", "LIGHTS AND VOLUME"], 20)
    return folder


@pytest.mark.parametrize("together", [1, 2, 3])
def test_batches_of_one_round_hold_like_lengths(together: int) -> None:
    """Whatever the lengths: each clip at most once, the rounds complete, and few seconds between their batches."""
    draw = random.Random(4)
    clips = [Clip(i, draw.randint(8_000, 200_000), "train", "x", "y", "A") for i in range(500)]
    batches = plan_epoch(clips, 60.0, seed=2, together=together)
    taken = [clip for batch in batches for clip in batch]
    assert len(set(taken)) == len(taken) > 480
    assert len(batches) % together == 0
    longest = [max(clip.seconds for clip in batch) for batch in batches]
    rounds = [longest[start : start + together] for start in range(0, len(batches), together)]
    assert max(max(one) - min(one) for one in rounds) < 1.0 < max(longest) - min(longest)


def resumed(data: Path, run: Path, workers: Workers) -> Trainer:
    """Build what a worker builds that goes on with a run."""
    units = read_units(data)
    model = load_model(run / CHECKPOINT).settings
    settings, cpu = TrainSettings(), torch.device("cpu")
    return Trainer(run, read_pack(data), units, model, settings=settings, device=cpu, workers=workers)


def test_each_worker_takes_a_batch_of_its_own(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """`train --workers 2` on seven batches of one recording each.

    1. Two steps. Result: four batches are done, and the hours count all of them.
    2. Up to the fourth step, from the checkpoint. Result: the odd batch of the first epoch is left out.
    3. Each resumes by itself. Result: only the leader cuts the curve; together they left one of them an empty file.
    4. More workers than batches. Result: a message, not a run that waits for ever.
    """
    data, run = pack_of_noise(tmp_path, 7), tmp_path / "run"
    arguments = ["train", str(data), str(run), "--threads", "1", "--batch-seconds", "4"]
    assert main([*arguments, "--workers", "2", "--steps", "2"]) == 0
    done = torch.load(run / CHECKPOINT)["progress"]
    assert (done["step"], done["epoch"], done["batch"]) == (2, 0, 4)
    assert math.isclose(done["hours"] * 3600, 4 * 2.7, abs_tol=4 * 0.4)
    assert main([*arguments, "--workers", "2", "--steps", "4"]) == 0
    done = torch.load(run / CHECKPOINT)["progress"]
    assert (done["step"], done["epoch"], done["batch"]) == (4, 1, 2)
    curve = run / "metrics.csv"
    curve.write_text("step\n2\n9\n")
    for rank, left in ((1, "step\n2\n9\n"), (0, "step\n2\n")):
        resumed(data, run, Workers(rank, 2))
        assert curve.read_text().replace("\r", "") == left
    capsys.readouterr()
    one_batch = [*arguments, "--batch-seconds", "60"]
    assert main([*one_batch, "--workers", "2", "--steps", "5"]) == 1
    assert "no batch for each of 2 workers" in capsys.readouterr().err
