"""Which channel of a microphone is heard, and what is said of its level."""

import numpy as np
import pytest

from kwsd.audio.level import LevelMeter, advice, measure_level
from kwsd.audio.mono import LivingChannel
from kwsd.audio.source import Samples

RNG = np.random.default_rng(0)
BLOCK = 640
VOICE = RNG.normal(0, 0.1, BLOCK).astype(np.float32)
HISS = RNG.normal(0, 1e-4, BLOCK).astype(np.float32)
ZEROS = np.zeros_like(VOICE)


def heard(living: LivingChannel, *channels: Samples, blocks: int = 200) -> int:
    """The channel heard after 8 s of these."""
    for _ in range(blocks):
        picked = living.pick(np.stack(channels, axis=1))
    assert np.array_equal(picked, channels[living.channel - 1])
    return living.channel


@pytest.mark.parametrize(
    ("channels", "expected"),
    [
        ((VOICE, VOICE), 1),
        ((ZEROS, VOICE), 2),
        ((ZEROS + 0.5, VOICE), 2),
        ((HISS, VOICE), 2),
        ((VOICE * 0.2, VOICE), 1),
        ((ZEROS, ZEROS), 1),
        ((HISS, VOICE, VOICE, VOICE, VOICE, VOICE * 5), 1),
        ((ZEROS, ZEROS, HISS, VOICE), 3),
        ((VOICE,), 1),
    ],
)
def test_the_first_channel_that_has_sound(channels: tuple[Samples, ...], expected: int) -> None:
    """Of an array it may be much fainter than the one with what the loudspeaker plays."""
    assert heard(LivingChannel("mic"), *channels) == expected


def test_a_channel_that_wakes_up_is_heard_again() -> None:
    """1. The first is muted by its switch, the second has the hiss of an empty socket. 2. The switch is turned."""
    living = LivingChannel("mic")
    assert heard(living, ZEROS, HISS) == 2
    assert heard(living, VOICE, HISS) == 1
    assert heard(living, HISS[::-1].copy(), HISS) == 1


@pytest.mark.parametrize(
    ("sound", "said"),
    [
        (VOICE, ""),
        (HISS * 0.5, "as good as silent (peak -7"),
        (ZEROS, "digital silence"),
        (ZEROS + 0.3, "digital silence"),
        (np.clip(VOICE * 20, -1, 1), "% of it is clipped (peak 0 dBFS): lower the gain"),
    ],
)
def test_advice_names_what_was_measured(sound: Samples, said: str) -> None:
    meter = LevelMeter()
    for piece in np.split(sound, 4):
        meter.push(piece)
    told = advice(meter.level)
    assert said in told.text if told else not said
    whole = measure_level(sound)
    assert meter.level.rms_dbfs == pytest.approx(whole.rms_dbfs, abs=0.01)
    assert (meter.level.peak_dbfs, meter.level.clipped_share) == (whole.peak_dbfs, whole.clipped_share)
