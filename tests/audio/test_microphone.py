"""Real PortAudio on ALSA devices that need no hardware: listed, found by name, heard to the last bit."""

import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from kwsd.audio import microphone
from kwsd.audio.microphone import MicrophoneSource
from kwsd.audio.portaudio import InputDevice, device_from_command_line
from kwsd.audio.source import Samples
from kwsd.errors import AudioError
from kwsd.timebase import SAMPLE_RATE
from testkit.fake_audio import ALSA_DEFAULTS, FAKE_MICROPHONE, fake_alsa_microphone, needs_portaudio, noise

HEAR = """
import sys
import numpy as np
from kwsd.audio.open import open_source
source = open_source("mic", device=eval(sys.argv[1]), channel=eval(sys.argv[2]))
heard = [np.zeros(0, np.float32)]
for block in source:
    heard.append(block.samples)
    if sum(map(len, heard)) >= int(sys.argv[3]):
        source.close()
np.save(sys.argv[4], np.concatenate(heard)[:int(sys.argv[3])])
print(source.name, source.rate_hz)
"""
REPORT_ERRORS = """
import sys
from kwsd.errors import AudioError
sys.excepthook = lambda kind, error, trace: print(error if kind is AudioError else f"{kind}: {error}")
"""
WITHOUT_PORTAUDIO = "import ctypes.util; ctypes.util.find_library = lambda name: None\n"
FORBID_WRITABLE_CODE = """
import ctypes
from ctypes.util import find_library
PR_SET_MDWE, REFUSE_EXEC_GAIN = 65, 1
if ctypes.CDLL(None).prctl(PR_SET_MDWE, REFUSE_EXEC_GAIN, 0, 0, 0):
    print("this kernel cannot")
    raise SystemExit
"""


def run_python(env: dict[str, str], script: str, *arguments: object) -> str:
    """What a fresh Python prints, or the AudioError it ends with."""
    command = [sys.executable, "-c", REPORT_ERRORS + script, *map(str, arguments)]
    ran = subprocess.run(command, env=os.environ | env, capture_output=True, text=True, timeout=60, check=False)
    return ran.stdout.strip()


@needs_portaudio
class TestAlsa:
    @pytest.mark.parametrize("device", [FAKE_MICROPHONE, "FAKE mic", "fake_mic alsa", 0, None])
    def test_samples_arrive_exactly(self, tmp_path: Path, device: str | int | None) -> None:
        played, out = noise(2 * SAMPLE_RATE), tmp_path / "heard.npy"
        env = fake_alsa_microphone(tmp_path, played)
        said = run_python(env, HEAR, repr(device), None, len(played), out)
        assert said == f"{FAKE_MICROPHONE} 16000"
        assert np.array_equal(np.load(out), played)

    def test_one_channel_of_an_array_is_picked(self, tmp_path: Path) -> None:
        played, out = noise(SAMPLE_RATE), tmp_path / "heard.npy"
        env = fake_alsa_microphone(tmp_path, np.column_stack([-played, played]))
        run_python(env, HEAR, repr(FAKE_MICROPHONE), 2, len(played), out)
        assert np.array_equal(np.load(out), played)

    def test_a_channel_that_is_not_there(self, tmp_path: Path) -> None:
        env = fake_alsa_microphone(tmp_path, noise(10))
        said = run_python(env, HEAR, None, 1_000, 1, tmp_path / "heard.npy")
        assert said.startswith(f'"{FAKE_MICROPHONE}" has no channel 1000: it has')

    def test_a_name_that_fits_no_microphone_lists_them(self, tmp_path: Path) -> None:
        env = fake_alsa_microphone(tmp_path, noise(10))
        said = run_python(env, HEAR, repr("blue yeti"), None, 1, tmp_path / "heard.npy")
        assert said.startswith('"blue yeti" is no microphone; there are:\n')
        assert f"{FAKE_MICROPHONE}, ALSA" in said
        assert "99" in run_python(env, HEAR, 99, None, 1, tmp_path / "heard.npy")

    def test_a_name_that_fits_several_lists_them(self, tmp_path: Path) -> None:
        first = fake_alsa_microphone(tmp_path, noise(10), "usb_left")["ALSA_CONFIG_PATH"]
        second = fake_alsa_microphone(tmp_path, noise(10), "usb_right")["ALSA_CONFIG_PATH"]
        env = {"ALSA_CONFIG_PATH": f"{first}:{second.split(':')[1]}"}
        said = run_python(env, HEAR, repr("usb"), None, 1, tmp_path / "heard.npy")
        assert said.startswith('"usb" names several microphones; there are:\n')
        assert "usb_left" in said
        assert "usb_right" in said

    @pytest.mark.skipif(Path("/dev/snd").exists(), reason="there is sound hardware")
    def test_no_microphone_at_all(self, tmp_path: Path) -> None:
        env = {"ALSA_CONFIG_PATH": str(ALSA_DEFAULTS), "PULSE_SERVER": f"unix:{tmp_path}/none"}
        said = run_python(env, HEAR, None, None, 1, tmp_path / "heard.npy")
        assert said.startswith("there is no microphone; plug one in")

    def test_no_portaudio_library_names_the_package(self, tmp_path: Path) -> None:
        said = run_python({}, WITHOUT_PORTAUDIO + HEAR, None, None, 1, tmp_path / "heard.npy")
        assert "sudo apt install libportaudio2" in said

    def test_the_list_of_devices(self, tmp_path: Path) -> None:
        env = fake_alsa_microphone(tmp_path, noise(10))
        lister = "from kwsd.audio.portaudio import *\nprint(repr(list_devices()[0]))\nprint(describe_devices())"
        record, *lines = run_python(env, lister).splitlines()
        assert record.startswith(f"InputDevice(index=0, name='{FAKE_MICROPHONE}', host_api='ALSA', channels=")
        assert record.endswith("default_rate_hz=44100, is_default=True)")
        assert lines[0].startswith(f"*  0 {FAKE_MICROPHONE}, ALSA (")

    def test_a_service_that_may_not_make_code_hears_all_the_same(self, tmp_path: Path) -> None:
        """As under systemd's MemoryDenyWriteExecute, where callbacks of PortAudio fail."""
        played, out = noise(SAMPLE_RATE), tmp_path / "heard.npy"
        env = fake_alsa_microphone(tmp_path, played)
        said = run_python(env, FORBID_WRITABLE_CODE + HEAR, None, None, len(played), out)
        if said == "this kernel cannot":
            pytest.skip("needs Linux 6.3 or later")
        assert np.array_equal(np.load(out), played)

    def test_microphones_come_and_go_while_portaudio_is_restarted(self, tmp_path: Path) -> None:
        """PortAudio's list of devices is frozen between restarts.

        1. The only microphone is unplugged and PortAudio restarted: there is none.
        2. It is plugged in again and PortAudio restarted: it is there.
        3. This happens 20 times. Result: no file stays open.
        """
        env = fake_alsa_microphone(tmp_path, noise(10))
        configuration = env["ALSA_CONFIG_PATH"].split(":")[1]
        script = """
import os, sys
from kwsd.audio.portaudio import list_devices, restart_portaudio
plugged = open(sys.argv[1]).read()
def names(contents):
    with open(sys.argv[1], "w") as file: file.write(contents)
    restart_portaudio()
    return [device.name for device in list_devices()]
print(names(""), names(plugged))
before = len(os.listdir("/proc/self/fd"))
for _ in range(20): restart_portaudio()
print(len(os.listdir("/proc/self/fd")) - before)
"""
        assert run_python(env, script, configuration).splitlines() == [f"[] ['{FAKE_MICROPHONE}']", "0"]


class OverflowingStream:
    """What PortAudio does when a 48 kHz device was not read in time: a real overrun needs real hardware."""

    samplerate = 48_000.0
    read_available = 4_800

    def read(self, frames: int) -> tuple[Samples, bool]:
        time.sleep(0.3)
        return np.ones((frames, 1), np.float32), True

    def close(self) -> None:
        """Nothing to release."""


def test_an_overrun_is_told_with_the_loss_that_time_shows(monkeypatch: pytest.MonkeyPatch) -> None:
    """0.3 s pass between reads and 0.1 s of sound is there: 0.2 s, 3200 samples of 16 kHz, are lost."""
    device = InputDevice(0, "usb", "ALSA", channels=1, default_rate_hz=48_000, is_default=True)
    monkeypatch.setattr(microphone, "find_device", lambda _: device)
    monkeypatch.setattr(microphone, "portaudio", lambda: SimpleNamespace(PortAudioError=OSError))
    monkeypatch.setattr(microphone, "open_stream", lambda *_: OverflowingStream())
    blocks = iter(MicrophoneSource())
    before, first, rest, second = (next(blocks) for _ in range(4))
    assert before.start_sample == 0
    assert first.start_sample - before.end_sample == pytest.approx(3_200, rel=0.3)
    assert second.start_sample - rest.end_sample == pytest.approx(3_200, rel=0.3)


class SilentStream:
    """A device that gives nothing until a look at it has been told to give."""

    samplerate = 16_000.0

    def __init__(self) -> None:
        self.looks: Callable[[], int] = lambda: 0

    @property
    def read_available(self) -> int:
        """Frames to be read."""
        return self.looks()

    def read(self, frames: int) -> tuple[Samples, bool]:
        return np.ones((frames, 1), np.float32), False

    def close(self) -> None:
        """Nothing to release."""


def test_a_machine_that_was_stopped_opens_no_microphone_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    """Scenario.

    1. While there is nothing to read the clock jumps by ten minutes; then there is sound, and it is heard. 2. The clock
    goes on as ever and there is none: the device is dead after 5 s.
    """
    device = InputDevice(0, "usb", "ALSA", channels=1, default_rate_hz=16_000, is_default=True)
    stream, now_s = SilentStream(), 1000.0

    def sleep(pause_s: float) -> None:
        nonlocal now_s
        now_s += pause_s

    def stop_and_go_on() -> int:
        nonlocal now_s
        now_s += 600.0
        stream.looks = lambda: 1_600
        return 0

    monkeypatch.setattr(microphone, "time", SimpleNamespace(monotonic=lambda: now_s, sleep=sleep))
    monkeypatch.setattr(microphone, "find_device", lambda _: device)
    monkeypatch.setattr(microphone, "portaudio", lambda: SimpleNamespace(PortAudioError=OSError))
    monkeypatch.setattr(microphone, "open_stream", lambda *_: stream)
    blocks = iter(MicrophoneSource())
    stream.looks = stop_and_go_on
    assert len(next(blocks).samples)
    stream.looks, before_s = lambda: 0, now_s
    with pytest.raises(AudioError, match="has given no sound for 5 s"):
        next(blocks)
    assert now_s - before_s == pytest.approx(microphone.STALL_S, abs=0.1)


def test_a_device_on_the_command_line_is_an_index_or_a_name() -> None:
    assert device_from_command_line("3") == 3
    assert device_from_command_line("USB 3") == "USB 3"
