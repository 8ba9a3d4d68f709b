"""What archives hold, and what is looked for in them."""

import random
from pathlib import Path

import numpy as np
import pytest
import soundfile

from kwsd.timebase import SAMPLE_RATE
from testkit.tiny_model import silence, speak, with_noise


@pytest.fixture(scope="session")
def talk(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with sound of three kinds, a recording that is cut off, and files that give none."""
    folder = tmp_path_factory.mktemp("archive") / "talk"
    folder.mkdir()
    sound = with_noise(np.concatenate([speak("LIGHT UP"), silence(1.0), speak("NIGHT"), silence(1.0)]), 1e-3)
    soundfile.write(folder / "plain.wav", sound, SAMPLE_RATE)
    soundfile.write(folder / "stereo.flac", np.stack([sound, sound], axis=1), SAMPLE_RATE)
    soundfile.write(folder / "telephone.wav", sound[::2], SAMPLE_RATE // 2)
    (folder / "empty.wav").touch()
    (folder / "corrupt.flac").write_bytes(random.Random(1).randbytes(5000))
    (folder / "cut off.wav").write_bytes((folder / "plain.wav").read_bytes()[:60_000])
    (folder / "gone.wav").symlink_to(folder / "nowhere.wav")
    (folder / "notes.txt").write_text("no sound")
    return folder


@pytest.fixture(scope="session")
def long_talk(talk: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """34 recordings, each with the same two phrases twice: three pieces for one worker, of 16 and 16 and 2."""
    folder = tmp_path_factory.mktemp("archive") / "long"
    folder.mkdir()
    sound, _ = soundfile.read(talk / "plain.wav", dtype="float32")
    for number in range(34):
        soundfile.write(folder / f"{number:02}.wav", np.tile(sound, 2), SAMPLE_RATE)
    return folder


@pytest.fixture(scope="session")
def keywords(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A list of two phrases."""
    path = tmp_path_factory.mktemp("phrases") / "phrases.txt"
    path.write_text("light up\nnight\n")
    return path
