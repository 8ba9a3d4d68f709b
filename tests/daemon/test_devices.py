"""Microphones of several sources through one real PortAudio, over ALSA devices that change their names."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np

from testkit.fake_audio import fake_alsa_microphone, needs_portaudio

TWO_ARE_OPEN = """
import os
import sys
from pathlib import Path
from threading import Event
from types import SimpleNamespace
from kwsd.audio.portaudio import close_stream
from kwsd.daemon.devices import Devices
from kwsd.errors import AudioError

devices, told = Devices(), Path(sys.argv[1])
kitchen, hall = devices.opener("kwsd_kitchen", None)(), devices.opener("kwsd_hall", None)()
heard = iter(kitchen)
before = next(heard).end_sample
hall.close()
told.write_text(told.read_text().replace("kwsd_hall_1", "kwsd_hall_2"))
os.utime(told, (2e9, 2e9))  # ALSA reads anew what has changed since, to the second
"""

HALL_COMES_BACK = """
for attempt in range(3):
    try:
        hall = devices.opener("kwsd_hall", None)()
        break
    except AudioError as error:
        print("attempt", attempt, str(error)[:60])
else:
    os._exit(1)
print(hall.name.partition(":")[0])
print(len(next(iter(hall)).samples) > 0)
print(next(heard).start_sample >= before, flush=True)
kitchen.close()
hall.close()
os._exit(0)  # as the daemon may leave a driver behind
"""

THE_SOUND_SYSTEM_HANGS = """
close_stream(SimpleNamespace(close=Event().wait))  # of a third, which never returns
for attempt in range(2):
    try:
        devices.opener("kwsd_hall", None)()
    except AudioError as error:
        print("attempt", attempt, str(error)[:23])
print(next(heard).start_sample == before, flush=True)
os._exit(0)
"""


@needs_portaudio
def test_a_microphone_that_comes_back_under_another_number_is_found(tmp_path: Path) -> None:
    """Scenario.

    1. Two microphones are open. 2. The hall's is lost, and there again as hw:2 where it was hw:1: by its words it is
    in the list that PortAudio made at the start, and cannot be opened any more.

    Result: the second attempt opens it under its new name, and the kitchen's goes on.
    """
    done = run_with_a_hall(TWO_ARE_OPEN + HALL_COMES_BACK, tmp_path)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[1:] == ["kwsd_hall_2", "True", "True"]


@needs_portaudio
def test_while_the_sound_system_hangs_the_others_are_left_alone(tmp_path: Path) -> None:
    """Scenario.

    1. As before; and a stream does not close, so that PortAudio cannot be started anew. 2. The hall's is tried twice.

    Result: it is told why that cannot be, and the kitchen's goes on without a gap.
    """
    done = run_with_a_hall(TWO_ARE_OPEN + THE_SOUND_SYSTEM_HANGS, tmp_path)
    assert done.returncode == 0, done.stderr
    hangs = "the sound system hangs;"
    assert done.stdout.splitlines() == [f"attempt 0 {hangs}", f"attempt 1 {hangs}", "True"]


def run_with_a_hall(program: str, tmp_path: Path) -> "subprocess.CompletedProcess[str]":
    """A program that is given the configuration of ALSA which has the microphones of kitchen and hall."""
    sound, devices = np.zeros(16_000, np.float32), tmp_path / "devices.conf"
    told = [fake_alsa_microphone(tmp_path, sound, name) for name in ("kwsd_kitchen", "kwsd_hall_1")]
    defaults, _, first = told[0]["ALSA_CONFIG_PATH"].partition(":")
    devices.write_text(Path(first).read_text() + Path(told[1]["ALSA_CONFIG_PATH"].rpartition(":")[2]).read_text())
    (tmp_path / "kwsd_hall_2.raw").symlink_to(tmp_path / "kwsd_hall_1.raw")
    environment = os.environ | {"ALSA_CONFIG_PATH": f"{defaults}:{devices}"}
    command = [sys.executable, "-c", program, str(devices)]
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=False, timeout=60)
