"""A finished model learns from somebody's own recordings."""

import re
import shutil
from pathlib import Path

import pytest

torch = pytest.importorskip("torch", reason="training needs torch: scripts/training-environment says how")

import soundfile  # noqa: E402  (after the skip)

from kwsd.acoustic.model import Model  # noqa: E402
from training.zipformer.__main__ import main  # noqa: E402
from training.zipformer.checkpoint import load_model  # noqa: E402
from training.zipformer.data.synthesis import Voice, speak  # noqa: E402
from training.zipformer.storage import PACKAGED  # noqa: E402

pytestmark = [pytest.mark.training, pytest.mark.timeout(300)]

SHIPPED = Path(__file__).parents[2] / "models" / "kwsd-en"
NAMES = ("hey zorblatt", "zorblatt lights on", "good night zorblatt", "zorblatt stop")


def test_the_packaged_model_goes_on_learning(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """`adapt models/kwsd-en OWN RUN` on twenty recordings of a name that nobody ever said.

    1. Train for twenty steps. Result: the loss on the recordings that were held out falls.
    2. Result: RUN/model is a model that kwsd loads, with the search settings of the old one and other weights.
    3. The same command again. Result: nothing is left to train, and the model is the same.
    """
    if not shutil.which("espeak-ng"):
        pytest.skip("espeak-ng is not installed: apt install espeak-ng")
    own, run = tmp_path / "own", tmp_path / "run"
    own.mkdir()
    voices = [Voice("espeak-ng", accent) for accent in ("en-us", "en-gb", "en-gb-scotland", "en-029", "en-gb-x-rp")]
    rows = [(f"{i}-{j}.wav", text) for i in range(len(voices)) for j, text in enumerate(NAMES)]
    for name, text in rows:
        soundfile.write(own / name, speak(text, voices[int(name[0])], tmp_path / "scratch.wav"), 16000)
    (own / "manifest.tsv").write_text("path\ttext\n" + "".join(f"{name}\t{text}\n" for name, text in rows))
    arguments = ["adapt", str(SHIPPED), str(own), str(run), "--steps", "20", "--batch-seconds", "20"]
    arguments += ["--shared", str(tmp_path / "none")]
    assert main(arguments) == 0
    before, after = map(float, re.findall(r"held out, \w+: ([\d.]+)", capsys.readouterr().out))
    assert after < 0.8 * before
    new = run / "model"
    assert Model.load(new).description.search == Model.load(SHIPPED).description.search
    first = load_model(new / PACKAGED).joiner.output_linear.weight
    assert not torch.equal(first, load_model(SHIPPED / PACKAGED).joiner.output_linear.weight)
    assert main(arguments) == 0
    assert torch.equal(first, load_model(new / PACKAGED).joiner.output_linear.weight)


def test_a_model_without_weights_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "own").mkdir()
    (tmp_path / "own" / "manifest.tsv").write_text("path\ttext\n")
    assert main(["adapt", str(tmp_path), str(tmp_path / "own"), str(tmp_path / "run")]) == 1
    assert f"{tmp_path / PACKAGED} is missing; only a model that `export` wrote" in capsys.readouterr().err
