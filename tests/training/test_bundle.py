"""The calls of a run on a lent GPU, one after the other, on a CPU with a handful of clips; and their rehearsal."""

import random
import shutil
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="training needs torch: scripts/training-environment says how")

import soundfile  # noqa: E402  (after the skip)

from measure import manifests  # noqa: E402
from training.zipformer.__main__ import main  # noqa: E402
from training.zipformer.bundle import MOST_FOUR_WORDS, bundle, carried  # noqa: E402
from training.zipformer.checkpoint import CHECKPOINT  # noqa: E402
from training.zipformer.data.pack import read_pack  # noqa: E402
from training.zipformer.data.records import Recording  # noqa: E402
from training.zipformer.data.units import train_pieces  # noqa: E402

pytestmark = [pytest.mark.training, pytest.mark.timeout(300)]

LIGHT = ["--layers", "1,1,1,1,1,1"]
ROWS = ["--row-seconds", "3", "--batch-seconds", "6", "--listen", "0", "--average", "0.9", "--warmup", "2"]


@pytest.fixture(autouse=True)
def _plain(monkeypatch: pytest.MonkeyPatch) -> None:
    torch.set_num_threads(1)
    monkeypatch.setattr("training.zipformer.metrics.plot", lambda *paths: paths[-1].write_bytes(b"a plot"))


def shared(folder: Path) -> Path:
    """A folder as `prepare` reads it: sixty sentences, six of them dev, and a noise."""
    choose, rows = random.Random(3), []
    (folder / "speech").mkdir(parents=True)
    (folder / "noise").mkdir()
    for i in range(60):
        tone = 0.3 * np.sin(np.arange(choose.randrange(8000, 32000)) * (0.1 + 0.01 * i))
        soundfile.write(folder / "speech" / f"{i}.wav", tone.astype(np.float32), 16000)
        text = " ".join(choose.sample(["STOP", "MUSIC", "LIGHTS"], 1 + i % 2))
        rows.append((f"{i}.wav", "train" if i % 10 else "dev", "tones", "nobody", text, "CC0-1.0"))
    columns = ("path", "split", "corpus", "speaker", "transcript", "licence")
    manifests.write(folder / "speech" / "manifest.tsv", columns, rows)
    hum = np.random.default_rng(0).normal(0, 0.03, 50000).astype(np.float32)
    soundfile.write(folder / "noise" / "hum.wav", hum, 16000)
    manifests.write(folder / "noise" / "manifest.tsv", ("path", "source", "licence"), [("hum.wav", "hum", "CC0-1.0")])
    return folder


def test_the_calls_of_a_run_on_a_lent_machine(tmp_path: Path) -> None:
    """Bundle, carry in parts, unpack, train, bring home, go on at home.

    1. Prepare and train two steps here; bundle with those weights. Result: no part is larger than it may be.
    2. There: the parts come one by one; unbundle. Result: the same clips with the same sound.
    3. Train from the weights for some seconds. Result: it ends by itself; what comes home makes the checkpoint again.
    4. Here: go on from it. Result: the steps count on.
    """
    here, there, home = tmp_path / "here", tmp_path / "there", tmp_path / "home"
    sound, data = shared(tmp_path / "shared"), here / "data"
    train_pieces(data, ["STOP THE MUSIC", "LIGHTS AND VOLUME"], 20)
    assert main(["prepare", str(data), "--shared", str(sound), "--spoken", "0"]) == 0
    small = ["--device", "cpu", "--front", "4,4,4", *ROWS]
    assert main(["train", str(data), str(here / "run"), *small, "--steps", "2"]) == 0
    begin = ["--begin", str(here / "run" / CHECKPOINT)]
    assert main(["bundle", str(data), str(here / "gpu"), "--shared", str(sound), "--part-mb", "2", *begin]) == 0
    parts = sorted((here / "gpu").iterdir())
    assert len(parts) > 2
    assert max(part.stat().st_size for part in parts) <= 2_000_000

    (there / "parts").mkdir(parents=True)
    for part in parts:
        assert main(["unbundle", str(there / "parts"), str(there / "data")]) == 1
        shutil.copy(part, there / "parts")
    assert main(["unbundle", str(there / "parts"), str(there / "data"), "--workers", "2"]) == 0
    before, after = read_pack(data), read_pack(there / "data")
    assert before.clips == after.clips
    assert np.array_equal(before.audio, after.audio)

    ends = ["--minutes", "0.05", "--cool-minutes", "0.03", "--save-minutes", "0.01", "--out", str(there / "out")]
    begin = ["--begin", str(there / "data" / "begin.pt")]
    assert main(["train", str(there / "data"), str(there / "run"), *small, *begin, *ends]) == 0
    home.mkdir()
    (home / CHECKPOINT).write_bytes(b"".join(p.read_bytes() for p in sorted((there / "out").glob("checkpoint-*"))))
    steps = torch.load(home / CHECKPOINT, weights_only=True)["progress"]["step"]
    assert main(["train", str(data), str(home), *small, "--steps", str(steps + 1)]) == 0
    assert torch.load(home / CHECKPOINT, weights_only=True)["progress"]["step"] == steps + 1


def test_of_the_four_words_few_are_carried_and_unheard_dev_words_not_at_all(tmp_path: Path) -> None:
    four = [Recording(tmp_path / str(i), "train", "speechcommands-yes-no-up-down", "", "UP") for i in range(3000)]
    others = [Recording(tmp_path / "a", split, "libri", "", "A") for split in ("train", "dev", "noise")]
    unheard = [Recording(tmp_path / "b", "dev", corpus, "", "B") for corpus in ("custom-keywords", four[0].corpus)]
    kept = carried([*four, *others, *unheard])
    assert kept[:3] == others
    assert len(set(kept)) == 3 + MOST_FOUR_WORDS


def test_a_new_bundle_leaves_no_part_of_an_older_one(tmp_path: Path) -> None:
    (tmp_path / "word.wav").write_bytes(b"sound" * 1000)
    recordings = [Recording(tmp_path / "word.wav", "train", "words", "", "WORD")]
    (tmp_path / "tokens.txt").write_text("<blk> 0\n")
    long, short = (bundle(recordings, tmp_path, None, tmp_path / "out", size) for size in (5_000, 1_000_000))
    assert len(long) > 1 == len(short)
    assert sorted((tmp_path / "out").iterdir()) == short


def test_a_rehearsal_compares_recorded_steps_with_plain_ones(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("training.zipformer.rehearsal.FIRST_STEPS", 1)
    assert main(["rehearse", "--device", "cpu", "--rows", "2", "--row-seconds", "3", "--steps", "1", *LIGHT]) == 0
    told = capsys.readouterr().out
    assert "0.0e+00 apart" in told
    assert "ms a step of 6 s" in told
