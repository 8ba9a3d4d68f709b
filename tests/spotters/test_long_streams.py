"""Streams as old as a daemon may become: no count of samples or frames ends with 32 bits."""

import numpy as np
import pytest

from kwsd.acoustic.model import Model
from kwsd.commands12.model import find_model
from kwsd.events import Detection
from kwsd.keywords.keyword import Keyword
from kwsd.outlets.recent_audio import RecentAudio
from kwsd.spotters.fixed import FixedSpotter
from kwsd.spotters.interface import Spotter
from kwsd.spotters.phrases import PhraseSpotter
from kwsd.stream import Chunk, Float32
from kwsd.timebase import FBANK_SHIFT_SAMPLES, SAMPLE_RATE, SUBSAMPLING
from testkit.spoken import with_gaps
from testkit.tiny_model import speak

COUNTED = {"samples": 1, "fbank frames": FBANK_SHIFT_SAMPLES, "encoder frames": FBANK_SHIFT_SAMPLES * SUBSAMPLING}
ENDS = [pytest.param(2**bits * step, id=f"2^{bits} {what}") for bits in (31, 32) for what, step in COUNTED.items()]


def heard_across(spotter: Spotter, sound: Float32, end: int) -> list[float]:
    """A sound at the beginning, and again so that the end of a counter lies in its middle → starts by its own clock."""
    starts = []
    for begins in (0, end - len(sound) // 2):
        chunks = [Chunk(begins + at, sound[at : at + 640], "test") for at in range(0, len(sound), 640)]
        found = [event for chunk in chunks for event in spotter.push(chunk) if isinstance(event, Detection)]
        assert len(found) == 1
        starts.append(found[0].start - begins / SAMPLE_RATE)
    return starts


@pytest.mark.parametrize("end", ENDS)
def test_phrases(tiny_model_dir: str, end: int) -> None:
    spotter = PhraseSpotter(Model.load(str(tiny_model_dir)), [Keyword("LIGHT ON")])
    young, old = heard_across(spotter, speak("LIGHT ON", lead_s=0.5, tail_s=1.5), end)
    assert abs(young - old) <= 0.04


@pytest.mark.parametrize("end", ENDS)
def test_fixed_words(end: int) -> None:
    young, old = heard_across(FixedSpotter(find_model("ds-cnn")), with_gaps("yes", gap_s=1.5), end)
    assert abs(young - old) <= 0.1


@pytest.mark.parametrize("end", ENDS)
def test_recent_audio(end: int) -> None:
    recent, ramp = RecentAudio(1.0), np.linspace(0, 1, SAMPLE_RATE, dtype=np.float32)
    for at in range(0, SAMPLE_RATE, 640):
        recent.write(Chunk(end - 8000 + at, ramp[at : at + 640], "test"))
    first, pcm = recent.cut(end - 100, end + 100)
    assert first == end - 100
    assert np.array_equal(pcm, (ramp[7900:8100] * 32767).astype(np.int16))
