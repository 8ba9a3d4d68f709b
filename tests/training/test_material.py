"""What comes how often in an epoch of training."""

from collections import Counter
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="training needs torch: scripts/training-environment says how")

from training.zipformer.data.pack import Clip, Pack  # noqa: E402  (after the skip)
from training.zipformer.data.rows import Row  # noqa: E402
from training.zipformer.data.units import read_units  # noqa: E402
from training.zipformer.material import Material  # noqa: E402
from training.zipformer.settings import TrainSettings  # noqa: E402

pytestmark = [pytest.mark.training, pytest.mark.timeout(120)]

CORPORA = ("commonvoice-en-omnilingo", "libri-251-pseudo", "ljspeech-subset", "speech-commands", "synthetic")


def test_hundreds_of_people_come_twice_and_words_alone_four_times() -> None:
    """Two seconds of each corpus, and of a dev speaker. Result: an epoch has them so often, the dev speaker never."""
    size = 32000
    said = [(corpus, "train") for corpus in CORPORA] + [("commonvoice-en-omnilingo", "dev")]
    clips = tuple(Clip(n * size, size, split, corpus, "", "GO ON") for n, (corpus, split) in enumerate(said))
    tone = 8000 * np.sin(np.arange(size * len(clips)) * 0.1)
    settings = TrainSettings(row_seconds=6.0, batch_seconds=6.0)
    pack = Pack(tone.astype(np.int16), clips)
    material = Material(pack, read_units(Path("models/kwsd-en")), settings, torch.device("cpu"), 80)
    rows = [row for batch in material.plan(0, 1) for row in batch if isinstance(row, Row)]
    often = Counter(clip.corpus for row in rows for clip in row.clips if clip.split == "train")
    assert [often[corpus] for corpus in CORPORA] == [2, 2, 1, 4, 1]
    assert sum(often.values()) == sum(len(row.clips) for row in rows)
