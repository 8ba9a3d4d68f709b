"""Takes: silence goes, and what is not fit to learn from is refused with the reason and the remedy."""

from pathlib import Path

import numpy as np
import pytest
import soundfile

from kwsd.errors import AudioError
from kwsd.tuning.takes import TakeError, read_take, sift_takes, trim_take
from testkit.spoken import spoken, with_gaps
from testkit.tiny_model import Floats, silence, with_noise


def said(gap_s: float = 1.0, noise: float = 1e-3) -> Floats:
    """A word between pauses in a quiet room."""
    return with_noise(with_gaps("computer", gap_s=gap_s), noise)


def test_silence_is_trimmed_off() -> None:
    take = trim_take("a", said(gap_s=2.0))
    assert abs(len(take.speech) - len(spoken("computer"))) < 0.4 * 16_000
    assert take.level_db > take.noise_db + 20


@pytest.mark.parametrize(
    ("sound", "reason"),
    [
        (np.zeros(0, np.float32), "is empty"),
        (silence(2.0), "too quiet"),
        (said(noise=1e-5) * np.float32(0.004), "too quiet"),
        (np.clip(said() * 12, -1, 1), "clipped"),
        (said()[: 16_000 + len(spoken("computer")) // 2], "cut off at its end"),
        (said()[16_000 + 1600 :], "cut off at its beginning"),
        (said(noise=0.05), "noisy"),
        (with_noise(np.zeros(32_000, np.float32), 0.1), "noisy"),
        (with_noise(with_gaps(*["computer"] * 9, gap_s=0.3), 1e-3), "a take is one saying"),
    ],
)
def test_a_bad_take_is_refused_with_the_reason(sound: Floats, reason: str) -> None:
    with pytest.raises(TakeError, match=reason):
        trim_take("take 1", sound.astype(np.float32))


def test_files_of_any_rate_are_takes_and_those_that_are_no_sound_are_named(tmp_path: Path) -> None:
    """1. 8 kHz stereo. 2. A file of text. 3. One that is not there. 4. An evening: a minute of it is read."""
    slow = said()[::2]
    soundfile.write(tmp_path / "slow.wav", np.stack([slow, slow], axis=1), 8_000)
    assert read_take(tmp_path / "slow.wav").level_db > -40
    (tmp_path / "text.wav").write_text("hello")
    with pytest.raises(AudioError, match=r"text\.wav"):
        sift_takes([tmp_path / "slow.wav", tmp_path / "text.wav"])
    with pytest.raises(AudioError, match="does not exist"):
        read_take(tmp_path / "none.wav")
    soundfile.write(tmp_path / "evening.wav", np.tile(said(), 100), 16_000)
    with pytest.raises(TakeError, match="over a minute; a take is one saying"):
        read_take(tmp_path / "evening.wav")
