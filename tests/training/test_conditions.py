"""The fourteen conditions in which `evaluate` has wake words heard."""

from pathlib import Path

import numpy as np
import pytest
import soundfile

from training.zipformer.data.conditions import CONDITION_ROWS
from training.zipformer.data.trials import WAKE_WORDS, Row, Samples

RATE = 16000


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two clips of each wake word as tones, two noises, a room and one sentence of a dev speaker."""
    folder = tmp_path_factory.mktemp("shared")
    second = np.arange(RATE) / RATE
    for place in ("wakewords", "speech", "noise", "rir"):
        (folder / place).mkdir()
    tone = 0.1 * np.sin(2 * np.pi * 1000 * second)
    clips = [(f"{word}-{take}.flac", word) for word in WAKE_WORDS for take in range(2)]
    for name, _ in clips:
        soundfile.write(folder / "wakewords" / name, np.concatenate([0 * second, tone]), RATE)
    soundfile.write(folder / "speech" / "book.flac", np.tile(tone, 4), RATE)
    soundfile.write(folder / "rir" / "room.flac", np.eye(1, 400)[0], RATE)
    for name in ("a", "b"):
        hum = np.random.default_rng(0).normal(0, 0.1, 2 * RATE)
        soundfile.write(folder / "noise" / f"{name}.opus", hum, RATE, format="OGG", subtype="OPUS")
    rows = "".join(f"{name}\t{word}\n" for name, word in clips)
    (folder / "wakewords" / "manifest.tsv").write_text(f"path\tphrase\n{rows}")
    head = "path\tcorpus\tsplit\ttranscript\n"
    (folder / "speech" / "manifest.tsv").write_text(f"{head}book.flac\tlibrispeech-x\tdev\tA BOOK\n")
    return folder


def laid(shared: Path, condition: str) -> tuple[Row, Samples]:
    """The row of a condition and its stream."""
    row = CONDITION_ROWS[condition](shared, 0, Path())
    (trial,) = row.trials
    return row, trial.read()


def power(samples: Samples, start_s: float, end_s: float) -> float:
    """Mean square between two times."""
    return float(np.mean(np.square(samples[int(start_s * RATE) : int(end_s * RATE)])))


@pytest.mark.parametrize("condition", CONDITION_ROWS)
def test_every_clip_is_said_once_where_its_label_stands(shared: Path, condition: str) -> None:
    row, stream = laid(shared, condition)
    assert sorted(label.phrase for label in row.trials[0].labels) == sorted(2 * WAKE_WORDS)
    assert np.abs(stream).max() <= 1.0
    ends = [label.end_s for label in row.trials[0].labels]
    assert ends == sorted(ends)
    assert ends[-1] < len(stream) / RATE
    for label in row.trials[0].labels:
        assert power(stream, label.end_s - 0.4, label.end_s - 0.1) > 1e-7


def test_conditions_are_what_they_are_called(shared: Path) -> None:
    """1. Down by 40 dB, driven up by 20. 2. Noise at the level of speech. 3. Slower. 4. Right beside other speech."""
    clean, plain = laid(shared, "clean")
    label = clean.trials[0].labels[0]
    usual = power(plain, label.end_s - 0.8, label.end_s - 0.2)
    low, clip = (power(laid(shared, name)[1], label.end_s - 0.8, label.end_s - 0.2) for name in ("low", "clip"))
    assert 10 * np.log10(usual / low) == pytest.approx(40, abs=0.5)
    assert clip > 0.3
    noisy = laid(shared, "snr0")[1]
    assert power(noisy, 0, label.start_s) == pytest.approx(usual / 2, rel=0.3)  # half of a clip is silence
    slow = laid(shared, "slow")[0].trials[0].labels[0]
    assert slow.end_s - slow.start_s == pytest.approx((label.end_s - label.start_s) / 0.8, abs=0.01)
    between, stream = laid(shared, "between")
    for label in between.trials[0].labels:
        assert power(stream, label.start_s - 0.3, label.start_s) > 1e-3
        assert power(stream, label.end_s, label.end_s + 0.3) > 1e-3
