"""A microphone that gives one value or one buffer for ever is no open microphone, and somebody should be told."""

import asyncio
from collections.abc import Sequence

import numpy as np
import pytest

from kwsd.audio.sound_rate import SoundRate
from kwsd.daemon.level_watch import ADVISED_S, STUCK_S, WELL_WINDOWS, LevelWatch
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


def events(parts: list[np.ndarray], *, is_microphone: bool = True, paces: Sequence[float] = (1.0,)) -> list[Record]:
    """Sound, cut into chunks of 40 ms → the events about it. With several `paces` each lasts for a like share of it."""
    now_s = 0.0
    with asyncio.Runner() as runner:
        watch = LevelWatch(Bus(runner.get_loop()), is_microphone=is_microphone, clock=lambda: now_s)
    sound, told = np.concatenate(parts).astype(np.float32), list[Record]()
    for start in range(0, len(sound), 640):
        now_s += 0.04 / paces[start * len(paces) // len(sound)]
        told += watch.push(Chunk(start, sound[start : start + 640], "usb"))
    return told


def seconds(duration_s: float, value: float) -> np.ndarray:
    return np.full(round(duration_s * SAMPLE_RATE), value)


NOISE = np.random.default_rng(3).normal(0, 1 / 32768, 2 * SAMPLE_RATE)


def test_zeros_and_any_other_value() -> None:
    for value in (0.0, 0.25, -1.0):
        assert told([NOISE, seconds(STUCK_S + 1, value), NOISE]) == [True, False]


def test_it_is_said_again_as_long_as_it_lasts() -> None:
    """Should the microphone have been lost and found meanwhile, which is told as listening."""
    assert told([seconds(3 * STUCK_S + 1, 0.0)]) == [True, True, True]


def test_a_pause_of_digital_silence_is_none() -> None:
    assert told([NOISE, seconds(STUCK_S - 1, 0.0), NOISE, seconds(STUCK_S - 1, 0.0)]) == []


@pytest.mark.parametrize("period_s", [0.001, 0.02, 0.1, 0.5, 1.9])
def test_a_driver_that_gives_one_buffer_again_and_again(period_s: float) -> None:
    buffer = spoken(0.1)[: samples(period_s)]
    again = np.resize(buffer, samples(STUCK_S + 3))
    (stuck, well) = (event for event in events([NOISE, again, NOISE]) if isinstance(event, MicSilent))
    assert (stuck.active, well.active) == (True, False)
    assert f"the same {period_s * 1000:.0f} ms of sound again and again" in stuck.reason
    assert told([NOISE, np.resize(buffer, samples(STUCK_S - 1)), NOISE]) == []


def test_files_and_pipes_may_be_silent() -> None:
    assert told([seconds(3 * STUCK_S, 0.0)], is_microphone=False) == []


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


@pytest.mark.parametrize(
    ("pace", "fault", "measured"), [(0.9, "slow", "only 90% of the sound"), (1.1, "fast", "1.10 s of")]
)
def test_less_or_more_sound_than_time_is_told_until_it_is_right(pace: float, fault: str, measured: str) -> None:
    """1. Four minutes well. 2. Four minutes of too little or too much. 3. Well again."""
    given = [each for each in events([spoken(0.3, 36)], paces=(1.0, pace, 1.0)) if isinstance(each, MicLevel)]
    assert {(each.fault, each.active) for each in given} == {(fault, True), (fault, False)}
    assert [each.active for each in given].index(False) == len(given) - 1
    assert measured in given[3].reason


def test_a_pause_of_the_machine_and_a_clock_a_little_off_are_no_fault() -> None:
    """Over five minutes it stands still for 1.9 s twice, and for an hour once; its clock is 1 % slow."""
    rate, pauses = SoundRate(), {2000: 1.9, 3000: 3600.0, 5000: 1.9}
    sound_s = now_s = 0.0
    for block in range(7500):
        sound_s += 0.04
        now_s += 0.04 / 0.99 + pauses.get(block, 0.0)
        rate.push(sound_s, now_s)
        assert not rate.is_off
    assert rate.ratio == pytest.approx(0.99, abs=0.005)
