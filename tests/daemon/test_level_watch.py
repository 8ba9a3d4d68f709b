"""A microphone that gives one value for ever is no open microphone, and somebody should be told."""

import asyncio

import numpy as np

from kwsd.daemon.level_watch import FLAT_S, LevelWatch
from kwsd.events import MicSilent
from kwsd.outlets.bus import Bus
from kwsd.records import Record
from kwsd.stream import Chunk
from kwsd.timebase import SAMPLE_RATE


def told(parts: list[np.ndarray], *, is_microphone: bool = True) -> list[bool]:
    """Sound, cut into chunks of 40 ms → the events about silence."""
    with asyncio.Runner() as runner:
        watch = LevelWatch(Bus(runner.get_loop()), is_microphone=is_microphone)
    sound = np.concatenate(parts).astype(np.float32)
    chunks = [Chunk(start, sound[start : start + 640], "usb") for start in range(0, len(sound), 640)]
    events: list[Record] = [event for chunk in chunks for event in watch.push(chunk)]
    return [event.active for event in events if isinstance(event, MicSilent)]


def seconds(duration_s: float, value: float) -> np.ndarray:
    return np.full(round(duration_s * SAMPLE_RATE), value)


NOISE = np.random.default_rng(3).normal(0, 1 / 32768, 2 * SAMPLE_RATE)


def test_zeros_and_any_other_value() -> None:
    for value in (0.0, 0.25, -1.0):
        assert told([NOISE, seconds(FLAT_S + 1, value), NOISE]) == [True, False]


def test_it_is_said_again_as_long_as_it_lasts() -> None:
    """Should the microphone have been lost and found meanwhile, which is told as listening."""
    assert told([seconds(3 * FLAT_S + 1, 0.0)]) == [True, True, True]


def test_a_pause_of_digital_silence_is_none() -> None:
    assert told([NOISE, seconds(FLAT_S - 1, 0.0), NOISE, seconds(FLAT_S - 1, 0.0)]) == []


def test_files_and_pipes_may_be_silent() -> None:
    assert told([seconds(3 * FLAT_S, 0.0)], is_microphone=False) == []
