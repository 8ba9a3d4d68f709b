"""A microphone that gives one value for ever is no open microphone, and somebody should be told."""

import asyncio

import numpy as np

from kwsd.daemon.level_watch import ADVISED_S, FLAT_S, WELL_WINDOWS, LevelWatch
from kwsd.events import MicLevel, MicSilent
from kwsd.outlets.bus import Bus
from kwsd.records import Record
from kwsd.stream import Chunk
from kwsd.timebase import SAMPLE_RATE, samples


def told(parts: list[np.ndarray], *, is_microphone: bool = True) -> list[bool]:
    """Whether it is silent, as often as that is told."""
    return [event.active for event in events(parts, is_microphone=is_microphone) if isinstance(event, MicSilent)]


def levels(*parts: np.ndarray) -> list[tuple[str, bool]]:
    """What is wrong with the level, as often as that is told, and whether it still is."""
    return [(event.fault, event.active) for event in events(list(parts)) if isinstance(event, MicLevel)]


def events(parts: list[np.ndarray], *, is_microphone: bool = True) -> list[Record]:
    """Sound, cut into chunks of 40 ms → the events about it."""
    with asyncio.Runner() as runner:
        watch = LevelWatch(Bus(runner.get_loop()), is_microphone=is_microphone)
    sound = np.concatenate(parts).astype(np.float32)
    chunks = [Chunk(start, sound[start : start + 640], "usb") for start in range(0, len(sound), 640)]
    return [event for chunk in chunks for event in watch.push(chunk)]


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


def spoken(peak: float, windows: int = 1) -> np.ndarray:
    """Noise as loud as speech of that peak may be, in all of the band; over 1 it is clipped."""
    noise = np.random.default_rng(5).uniform(-peak, peak, windows * samples(ADVISED_S))
    return np.clip(noise, -1, 1)


def test_clipped_speech_is_told_until_three_minutes_of_loud_sound_are_well() -> None:
    """Silence in between does not say how loud speech would be."""
    overdriven, room, well = spoken(3.0), spoken(0.001, 20), spoken(0.3)
    assert levels(overdriven, room, overdriven, *[well] * (WELL_WINDOWS - 1)) == [("clipped", True)] * 2
    assert levels(overdriven, room, *[well] * WELL_WINDOWS) == [("clipped", True), ("clipped", False)]


def test_a_faint_microphone_is_told_and_a_quiet_room_is_none() -> None:
    """One word in an hour is enough to know that the microphone hears what is said."""
    assert levels(spoken(0.001), spoken(0.1), spoken(0.001, 20)) == [("faint", True), ("faint", False)]
    (event,) = events([spoken(0.001)])
    assert isinstance(event, MicLevel)
    assert event.reason == '"usb": it is as good as silent (peak -60 dBFS): raise the gain (alsamixer, F4)'
    assert (event.peak_db, event.clipped_share) == (-60.0, 0.0)


def test_zeros_are_no_faint_sound() -> None:
    assert levels(seconds(3 * ADVISED_S, 0.0)) == []
