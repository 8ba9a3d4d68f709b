"""The clock on the wall may be set while kwsd runs: a Pi has none, and is told the time minutes after its start."""

import os
import time
from pathlib import Path

from testkit.daemons import Plug, eventually, phrase, running
from testkit.wall_clock import YEAR_S, ShiftedClock, needs_compiler


@needs_compiler
def test_detections_go_on_by_the_clock_of_the_sound(tmp_path: Path, tiny_model_dir: Path, plug: Plug) -> None:
    """Scenario.

    1. The wall clock of the process jumps 3 years ahead, then 10 years back.

    Result: detections go on, on the clock of the sound; only `time` jumps; no microphone is thought lost.
    """
    clock = ShiftedClock(tmp_path)
    with running(tmp_path, tiny_model_dir, environment=clock.environment) as daemon:
        client, _ = daemon.client()
        years, starts = [], []
        for offset_s in (0, 3 * YEAR_S, -10 * YEAR_S):
            clock.set(offset_s)
            plug.say(phrase("LIGHT ON"))
            detection = client.read_until("detection")
            years.append(int(detection["time"][:4]))
            starts.append(detection["start"])
        assert [year - years[0] for year in years] == [0, 3, -10]
        assert starts == sorted(starts)
        assert starts[-1] < 30
        assert daemon.ask(command="status")["data"]["reconnects"] == 0
        client.close()


@needs_compiler
def test_no_clip_is_thought_old_because_the_clock_was_set(tmp_path: Path, tiny_model_dir: Path, plug: Plug) -> None:
    """Scenario.

    1. Clips may be a day old. One is there from half a day ago; a phrase is said, and saved.
    2. The clock is set 3 years ahead, as by NTP; a phrase is said, and saved.

    Result: all three are there, and what was saved before the clock was set is dated by it as it is now.
    """
    clock, clips = ShiftedClock(tmp_path), tmp_path / "clips"
    clips.mkdir()
    before = clips / "20250101T000000.123Z-7-before.wav"
    before.write_bytes(b"x")
    os.utime(before, (time.time() - 43_200,) * 2)
    environment = {**clock.environment, "KWSD_DAEMON_SAVE_LIMIT_DAYS": "1"}
    with running(tmp_path, tiny_model_dir, "--save-detections", str(clips), environment=environment):
        plug.say(phrase("LIGHT ON"))
        assert eventually(lambda: list(clips.glob("*-1-light_on.wav")), 15)
        clock.set(3 * YEAR_S)
        plug.say(phrase("LIGHT ON"))
        assert eventually(lambda: list(clips.glob("*-2-light_on.wav")), 15)
    assert before.exists()
    (first,) = clips.glob("*-1-light_on.wav")
    assert first.stat().st_mtime > time.time() + 2.9 * YEAR_S
