"""What is told of how things stand: each change once, in the order in which the threads published it."""

from typing import Literal

from kwsd.daemon.overload import PERSISTS_S, RECOVERS_S
from kwsd.daemon.source_state import Decoded, Hearing
from kwsd.daemon.state import DaemonState
from kwsd.events import Degraded, MicLevel, MicLost, MicRecovered, MicSilent, Muted, Overrun, ReloadFailed, Unmuted
from kwsd.records import Record

NO_MODEL = "only the fixed commands are heard"


class Stand:
    """A DaemonState, and what it has told."""

    def __init__(self) -> None:
        self.state = DaemonState(model="m", microphone="fake")
        self.told: list[Record] = []
        self.position_s = 0.0

    def apply(self, *records: Record) -> list[Record]:
        """What these make it tell."""
        told = [event for record in records for event in self.state.apply(record)]
        self.told += told
        return told

    def degraded(self) -> list[tuple[bool, str]]:
        """The events of that kind so far."""
        return [(event.active, event.reason) for event in self.told if isinstance(event, Degraded)]

    def fall_behind(self) -> None:
        """Lose sound again and again, until that is no hiccup."""
        for _ in range(round(PERSISTS_S) + 1):
            self.apply(Overrun(lost_ms=1000, total_lost_ms=1000))

    def keep_up(self) -> None:
        """Decode for long enough with nothing missing."""
        self.position_s += 2 * (PERSISTS_S + RECOVERS_S)
        self.apply(Decoded(position_s=self.position_s))


def test_one_cause_ends_the_other_lasts() -> None:
    """Scenario.

    1. The model cannot be loaded: the fixed set stands in. 2. Decoding falls behind, too. 3. It keeps up again.
    4. The model is loaded after all.

    Result: degraded from 1 to 4, and at 3 everybody is told what still holds.
    """
    stand = Stand()
    stand.apply(Degraded(active=True, reason=NO_MODEL))
    stand.fall_behind()
    assert stand.state.degraded_because
    stand.keep_up()
    assert stand.state.degraded_because == NO_MODEL
    stand.apply(Degraded(active=False, reason="back"))
    assert not stand.state.degraded_because
    assert [active for active, _ in stand.degraded()] == [True, True, True, False]
    assert stand.degraded()[2] == (True, NO_MODEL)


def test_overload_alone() -> None:
    stand = Stand()
    stand.fall_behind()
    stand.keep_up()
    assert [active for active, _ in stand.degraded()] == [True, False]


def test_the_status_line_says_why() -> None:
    stand = Stand()
    stand.apply(Hearing(microphone="fake", attempts=1), Degraded(active=True, reason=NO_MODEL))
    assert stand.state.summary.endswith(NO_MODEL)
    stand.apply(ReloadFailed(problems=("k.txt:1: is no phrase",)))
    assert stand.state.summary.endswith("k.txt:1: is no phrase")


def test_lost_and_recovered_come_in_pairs() -> None:
    """However often it is told that there is none: one `mic_lost`, and one `mic_recovered` when sound comes."""
    stand = Stand()
    lost = MicLost(microphone="", reason="plug it in")
    stand.apply(Hearing(microphone="usb", attempts=1), lost, lost, lost)
    (recovered,) = stand.apply(Hearing(microphone="usb", attempts=3))
    assert [event.type for event in stand.told] == ["mic_lost", "mic_recovered"]
    assert isinstance(recovered, MicRecovered)
    assert recovered.attempts == 3
    assert stand.told[0].fields()["microphone"] == "usb"
    assert stand.state.source.state == "listening"


def test_a_microphone_that_gives_one_value_is_not_listening() -> None:
    stand = Stand()
    silent = MicSilent(active=True, microphone="usb", reason="zeros")
    stand.apply(Hearing(microphone="usb", attempts=1), silent, silent)
    assert stand.state.summary.startswith("zeros")
    stand.apply(MicSilent(active=False, microphone="usb", reason="sound again"))
    assert stand.state.source.state == "listening"
    assert [event.type for event in stand.told] == ["mic_silent", "mic_silent"]


def test_a_level_that_is_wrong_is_told_once_and_stands_in_the_status() -> None:
    stand = Stand()
    stand.apply(Hearing(microphone="usb", attempts=1), _level("clipped"), _level("clipped"))
    assert stand.state.summary == 'listening to "usb", 0 keywords, 0 overruns; clipped: lower the gain'
    stand.apply(_level("narrow"), _level("narrow", active=False), _level("narrow", active=False))
    assert stand.state.summary == 'listening to "usb", 0 keywords, 0 overruns'
    assert [event.type for event in stand.told] == ["mic_level"] * 3
    stand.apply(_level("clipped"), Muted(), _level("clipped"))
    assert not stand.state.source.level_because


def _level(fault: Literal["clipped", "faint", "narrow"], *, active: bool = True) -> MicLevel:
    reason = f"{fault}: lower the gain"
    return MicLevel(
        active=active, fault=fault, microphone="usb", reason=reason, rms_db=-3, peak_db=0, clipped_share=0.2
    )


def test_what_was_muted_meanwhile_stays_so() -> None:
    stand = Stand()
    stand.apply(
        Hearing(microphone="usb", attempts=1), Muted(), MicSilent(active=True, microphone="usb", reason="zeros")
    )
    assert stand.state.summary.startswith("muted")
    stand.apply(Unmuted(), Hearing(microphone="usb", attempts=1))
    assert stand.state.source.state == "listening"


def test_the_same_failure_of_a_reload_is_told_once() -> None:
    stand = Stand()
    for _ in range(5):
        stand.apply(ReloadFailed(problems=("k.txt: is empty",)))
    stand.apply(ReloadFailed(problems=("k.txt: is a directory",)))
    assert len(stand.told) == 2
    assert stand.state.failed_reloads == 6
