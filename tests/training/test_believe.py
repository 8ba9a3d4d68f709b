"""Which of a teacher's unsure labels a model of one's own believes."""

import math
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import soundfile
from numpy.typing import NDArray

torch = pytest.importorskip("torch", reason="training needs torch: scripts/training-environment says how")

from measure.scoring import Hit  # noqa: E402  (after the skip)
from training.zipformer import believe  # noqa: E402
from training.zipformer.believe import text_losses, write_believed  # noqa: E402
from training.zipformer.checkpoint import save_weights  # noqa: E402
from training.zipformer.data.labels import TEACHER_LABELS  # noqa: E402
from training.zipformer.data.pack import Clip, Pack  # noqa: E402
from training.zipformer.data.trials import among_others, other_speech  # noqa: E402
from training.zipformer.data.units import read_units  # noqa: E402
from training.zipformer.evaluate import score  # noqa: E402
from training.zipformer.hearing import Heard  # noqa: E402
from training.zipformer.model.settings import ModelSettings  # noqa: E402
from training.zipformer.model.transducer import Transducer  # noqa: E402

pytestmark = [pytest.mark.training, pytest.mark.timeout(120)]

RATE = 16000
TEXTS = {"1": "HELLO THERE", "2": "GO ON", "3": "WHO NOSE", "4": "A LITTLE MORE", "5": "OH 2"}


def tone(number: int) -> NDArray[np.float32]:
    """Two seconds of a tone."""
    return np.asarray(0.3 * np.sin(np.arange(2 * RATE) * (0.05 + 0.02 * number)), np.float32)


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """A prepared folder: units alone."""
    folder = tmp_path / "data"
    shutil.copytree("models/kwsd-en", folder, ignore=shutil.ignore_patterns("*.onnx", "*.npz", "*.pt", "*.md"))
    return folder


def small(vocabulary: int) -> Transducer:
    """A network of one layer in each of its stacks."""
    torch.manual_seed(0)
    settings = ModelSettings(vocabulary=vocabulary, front_channels=(4, 4, 4), dimension=32, feed_forward=32)
    return Transducer(replace(settings, decoder_dimension=32, joiner_dimension=32))


def test_what_is_likely_is_believed_but_not_where_false_alarms_are_counted(
    tmp_path: Path, data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """1. Sure: taken. 2. and 3. Unsure: by their loss. 4. Kept apart: never. 5. Not spelt in letters: never."""
    speech = tmp_path / "shared" / "speech"
    speech.mkdir(parents=True)
    manifest, labels = (["path\tcorpus\tspeaker\tsplit\ttranscript\tlicence"], ["path\ttranscript\tagree\tavg_logprob"])
    for name, text in TEXTS.items():
        soundfile.write(speech / f"{name}.opus", tone(int(name)), RATE, format="OGG", subtype="OPUS")
        manifest.append(f"{name}.opus\tcv\tunknown\ttrain\t\tCC0")
        labels.append(f"{name}.opus\t{text}\t{int(name == '1')}\t-0.4")
    (speech / "manifest.tsv").write_text("\n".join(manifest) + "\n")
    (speech / "teacher_labels.tsv").write_text("\n".join(labels) + "\n")
    monkeypatch.setattr(believe, "other_speech", lambda _: [speech / "4.opus"])
    weights, table = save_weights(tmp_path, small(len(read_units(data))), 1, 1), tmp_path / "labels.tsv"

    assert write_believed(weights, data, tmp_path / "shared", table, math.inf) == 2
    assert table.read_text() == "1.opus\tHELLO THERE\n2.opus\tGO ON\n3.opus\tWHO NOSE\n"
    assert write_believed(weights, data, tmp_path / "shared", table, 0.0) == 0
    assert table.read_text() == "1.opus\tHELLO THERE\n"
    assert not [path for path in data.iterdir() if path.is_dir()]


def test_a_loss_is_that_of_the_clip_alone(data: Path) -> None:
    units = read_units(data)
    clips = tuple(Clip(n * 2 * RATE, 2 * RATE, "train", "cv", "", text) for n, text in enumerate(("GO ON", "STOP")))
    audio = np.concatenate([tone(1), tone(2)]) * 32767
    pack, model = Pack(audio.astype(np.int16), clips), small(len(units))
    together = dict(text_losses(model, pack, units))
    for clip in clips:
        alone = dict(text_losses(model, Pack(pack.audio, (clip,)), units))
        assert alone[clip] == pytest.approx(together[clip], rel=0.02)  # in bfloat16, where there are instructions
    assert together[clips[0]] != pytest.approx(together[clips[1]], rel=0.02)


def test_however_few_are_drawn_they_are_of_those_kept_apart(tmp_path: Path) -> None:
    rows = [f"{number}.opus\tcv\tunknown\tdev\tGO ON\tCC0\n" for number in range(4000)]
    (tmp_path / "speech").mkdir()
    (tmp_path / "speech" / "manifest.tsv").write_text(
        "path\tcorpus\tspeaker\tsplit\ttranscript\tlicence\n" + "".join(rows)
    )
    apart = other_speech(tmp_path)
    assert len(set(apart)) == 2800
    for count in (5, 160, 2000):
        assert set(other_speech(tmp_path, count)) <= set(apart)


def test_what_is_said_in_passing_is_no_false_alarm(tmp_path: Path) -> None:
    head, speech = "path\tcorpus\tspeaker\tsplit\ttranscript\tlicence\n", tmp_path / "speech"
    speech.mkdir()
    known, unknown = "a.opus\tcv\tx\tdev\tSTOP IT OR STOPPED\tCC0\n", "b.opus\tcv\tunknown\ttrain\t\tCC0\n"
    (speech / "manifest.tsv").write_text(head + known + unknown)
    table = "path\ttranscript\tagree\tavg_logprob\nb.opus\tHE WOULD PLAY AND PLAY\t0\t-0.4\n"
    (speech / TEACHER_LABELS).write_text(table)
    row = among_others(("STOP", "PLAY"), tmp_path, 0)
    said = sorted([label.phrase for label in trial.labels] for trial in row.trials)
    assert said == [["PLAY", "PLAY"], ["STOP"]]
    hits = (Hit("PLAY", 1.0, 1.2), Hit("PLAY", 2.0, 2.2), Hit("STOP", 3.0, 3.2))
    heard = [Heard(hits if len(trial.labels) == 2 else (), 3600.0) for trial in row.trials]
    result = score(row, heard)
    assert (sum(result.found.values()), result.false) == (2, 1)
