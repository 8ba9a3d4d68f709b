"""Microphones of several sources through one real PortAudio, over ALSA devices that change their names."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np

from testkit.fake_audio import fake_alsa_microphone, needs_portaudio

HALL_COMES_BACK = """
import os
import sys
from pathlib import Path
from kwsd.daemon.devices import Devices
from kwsd.errors import AudioError

devices, told = Devices(), Path(sys.argv[1])
kitchen, hall = devices.opener("kwsd_kitchen", None)(), devices.opener("kwsd_hall", None)()
heard = iter(kitchen)
before = next(heard).end_sample
hall.close()
told.write_text(told.read_text().replace("kwsd_hall_1", "kwsd_hall_2"))
os.utime(told, (2e9, 2e9))  # ALSA reads anew what has changed since, to the second
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


@needs_portaudio
def test_a_microphone_that_comes_back_under_another_number_is_found(tmp_path: Path) -> None:
    """Scenario.

    1. Two microphones are open. 2. The hall's is lost, and there again as hw:2 where it was hw:1: by its words it is
    in the list that PortAudio made at the start, and cannot be opened any more.

    Result: the second attempt opens it under its new name, and the kitchen's goes on.
    """
    sound, devices = np.zeros(16_000, np.float32), tmp_path / "devices.conf"
    told = [fake_alsa_microphone(tmp_path, sound, name) for name in ("kwsd_kitchen", "kwsd_hall_1")]
    defaults, _, first = told[0]["ALSA_CONFIG_PATH"].partition(":")
    devices.write_text(Path(first).read_text() + Path(told[1]["ALSA_CONFIG_PATH"].rpartition(":")[2]).read_text())
    (tmp_path / "kwsd_hall_2.raw").symlink_to(tmp_path / "kwsd_hall_1.raw")
    environment = os.environ | {"ALSA_CONFIG_PATH": f"{defaults}:{devices}"}
    command = [sys.executable, "-c", HALL_COMES_BACK, str(devices)]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[1:] == ["kwsd_hall_2", "True", "True"]
