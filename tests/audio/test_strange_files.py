"""Recordings as strange devices and killed programs leave them: heard all the same, and what is odd is told."""

import logging
from pathlib import Path

import numpy as np
import pytest
import soundfile

from kwsd.audio.file import RAW_SUBTYPES, FileSource
from kwsd.audio.source import Samples
from kwsd.timebase import SAMPLE_RATE

RNG = np.random.default_rng(0)
VOICE = RNG.normal(0, 0.1, 2 * SAMPLE_RATE).astype(np.float32)
FAINT = RNG.normal(0, 1e-4, 2 * SAMPLE_RATE).astype(np.float32)
SILENCE = np.zeros_like(VOICE)


def hear(path: Path, channel: int | None = None) -> Samples:
    return np.concatenate([chunk.samples for chunk in FileSource(path, channel)])


@pytest.mark.parametrize(
    ("channels", "told"),
    [
        ((VOICE, -VOICE), "hearing channel 1"),
        ((-0.9 * VOICE + FAINT, VOICE), "hearing channel 2"),
        ((SILENCE, SILENCE, SILENCE, VOICE, SILENCE, SILENCE), "hearing channel 4"),
        ((SILENCE + 0.7, FAINT, FAINT, FAINT, FAINT, VOICE), "hearing channel 6"),
        ((FAINT, VOICE), ""),
        ((VOICE, VOICE), ""),
        ((VOICE, np.roll(VOICE, 3)), ""),
    ],
)
def test_voice_in_whatever_channels_is_heard(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, channels: tuple[Samples, ...], told: str
) -> None:
    """A mix is heard unless it cancels, or hides one voice among many silent or constant channels: once, it is told."""
    soundfile.write(tmp_path / "sound.wav", np.stack(channels, axis=1), SAMPLE_RATE, subtype="FLOAT")
    with caplog.at_level(logging.WARNING):
        heard = hear(tmp_path / "sound.wav")
    assert len(heard) == len(VOICE)
    assert np.std(heard) > 0.045
    assert [told in record.getMessage() for record in caplog.records] == ([True] if told else [])


def test_a_channel_that_is_asked_for_is_never_another(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "sound.wav", np.stack([FAINT, VOICE], axis=1), SAMPLE_RATE, subtype="FLOAT")
    np.testing.assert_array_equal(hear(tmp_path / "sound.wav", 1), FAINT)


@pytest.mark.parametrize("suffix", [*RAW_SUBTYPES, ".RAW"])
def test_a_file_without_a_header_is_known_by_its_suffix(tmp_path: Path, suffix: str) -> None:
    kinds = {"PCM_16": ("<i2", 2**15), "PCM_32": ("<i4", 2**31), "FLOAT": ("<f4", 1)}
    kind, scale = kinds[RAW_SUBTYPES[suffix.lower()]]
    path = tmp_path / f"sound{suffix}"
    path.write_bytes((VOICE.astype(np.float64) * scale).astype(kind).tobytes())
    np.testing.assert_allclose(hear(path), VOICE, atol=1e-4)


def test_a_header_is_believed_rather_than_the_suffix(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "sound.wav", np.stack([VOICE, VOICE], axis=1), SAMPLE_RATE)
    (tmp_path / "sound.wav").rename(tmp_path / "sound.raw")
    np.testing.assert_allclose(hear(tmp_path / "sound.raw"), VOICE, atol=1e-4)


@pytest.mark.parametrize("claimed", [0, 0xFFFFFFFF])
@pytest.mark.parametrize("subtype", ["PCM_16", "FLOAT"])
def test_a_wav_whose_length_was_never_written(tmp_path: Path, claimed: int, subtype: str) -> None:
    """1. A recorder is killed before it writes the lengths, of which FLOAT has one more, behind `fact`."""
    path = tmp_path / "sound.wav"
    soundfile.write(path, VOICE, SAMPLE_RATE, subtype=subtype)
    data = bytearray(path.read_bytes())
    at = data.index(b"data")
    data[4:8] = data[at + 4 : at + 8] = claimed.to_bytes(4, "little")
    path.write_bytes(data)
    np.testing.assert_allclose(hear(path), VOICE, atol=1e-4)


def test_a_flac_whose_length_was_never_written(tmp_path: Path) -> None:
    path = tmp_path / "sound.flac"
    soundfile.write(path, VOICE, SAMPLE_RATE)
    data = bytearray(path.read_bytes())
    data[21] &= 0xF0  # 36 bits in STREAMINFO
    data[22:26] = bytes(4)
    path.write_bytes(data)
    assert FileSource(path).duration_s is None
    assert len(hear(path)) == len(VOICE)


@pytest.mark.parametrize(("rate_hz", "told"), [(8_000, True), (11_025, True), (16_000, False), (44_100, False)])
def test_sound_of_a_telephone_is_told(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, rate_hz: int, told: bool
) -> None:
    """It costs a third of the wake words, and nothing else would tell why."""
    soundfile.write(tmp_path / "call.wav", VOICE, rate_hz)
    with caplog.at_level(logging.WARNING):
        hear(tmp_path / "call.wav")
    assert (f"call.wav has {rate_hz} Hz" in caplog.text) == told
