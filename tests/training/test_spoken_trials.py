"""Names, orders and unusual phrases that `evaluate` has heard: what is said is labelled, and was never trained on."""

import shutil
from pathlib import Path

import numpy as np
import pytest
import soundfile

from training.zipformer.data import phrases
from training.zipformer.data.spoken_trials import SLOT_WORDS, custom, names, slots
from training.zipformer.data.synthesis import HELD_OUT

RATE = 16000
TRAINED = " ".join(
    [phrases.CARRIERS, phrases.ACTIONS, phrases.THINGS, phrases.SHORT, *phrases.GREETINGS]
    + [path.read_text(encoding="utf-8") for path in (phrases.NAMES, phrases.WAKE_WORDS)]
).replace("|", " ")


def test_55_names_by_four_voices_of_which_none_is_trained_on(tmp_path: Path) -> None:
    row = names(tmp_path, 0, tmp_path)
    assert len(set(row.phrases)) == 55
    assert len(row.trials) == 55 * len(HELD_OUT)
    assert {trial.labels[0].phrase for trial in row.trials} == set(row.phrases)
    assert not set(row.phrases) & {*TRAINED.split(), *TRAINED.splitlines()}


def test_the_ten_words_of_an_order_are_labelled(tmp_path: Path) -> None:
    row = slots(tmp_path, 0, tmp_path)
    assert row.phrases == SLOT_WORDS
    said = [[label.phrase for label in trial.labels] for trial in row.trials]
    assert len(said) == 60
    assert all(2 <= len(words) <= 3 for words in said)
    assert {word for words in said for word in words} == set(SLOT_WORDS)
    assert not [word for word in SLOT_WORDS if f" {word} " in f" {TRAINED} "]


@pytest.mark.skipif(not shutil.which("espeak-ng"), reason="needs espeak-ng")
def test_a_voice_says_it_once_and_the_file_is_kept(tmp_path: Path) -> None:
    """1. Half a second of hiss, the name, half a second of hiss. 2. The second reading takes the file of the first."""
    first = next(
        t for t, voice in zip(names(tmp_path, 0, tmp_path).trials, HELD_OUT, strict=False) if "espeak" in voice
    )
    samples = first.read()
    assert np.abs(samples[: RATE // 2]).max() < 0.01 < np.abs(samples).max()
    (kept,) = (tmp_path / "spoken").rglob("*.wav")
    soundfile.write(kept, np.zeros(RATE), RATE)
    assert len(first.read()) == 2 * RATE


def test_recordings_of_unusual_phrases_are_looked_for_among_each_other(tmp_path: Path) -> None:
    folder = tmp_path / "speech"
    folder.mkdir()
    rows = [
        ("a.flac", "custom-keywords", "ARCHIE"),
        ("b.flac", "custom-keywords", "DRACARYS"),
        ("c.flac", "book", "TEA"),
    ]
    for path, _, _ in rows:
        soundfile.write(folder / path, np.full(RATE, 0.1), RATE)
    table = "".join(f"{path}\t{corpus}\tdev\t{text}\n" for path, corpus, text in rows)
    (folder / "manifest.tsv").write_text(f"path\tcorpus\tsplit\ttranscript\n{table}")
    row = custom(tmp_path, 0, tmp_path)
    assert row.phrases == ("ARCHIE", "DRACARYS")
    assert [trial.labels[0].phrase for trial in row.trials] == ["ARCHIE", "DRACARYS"]
    assert len(row.trials[0].read()) == 2 * RATE
