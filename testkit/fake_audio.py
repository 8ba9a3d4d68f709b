"""Microphones that need no hardware: a file behind ALSA, and a private PulseAudio whose sink is heard by its monitor.

PortAudio reads its surroundings once, when it is loaded: run the code under test in a subprocess with
`os.environ | env`, where env is what these helpers return.
"""

import os
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from ctypes.util import find_library
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

FAKE_MICROPHONE = "kwsd_fake_mic"
PULSE_MICROPHONE = "kwsd_pulse_mic"
PULSE_SINK = "kwsd_sink"
ALSA_DEFAULTS = Path("/usr/share/alsa/alsa.conf")

_PULSE_PLUGINS = list(Path("/usr/lib").glob("*/alsa-lib/libasound_module_pcm_pulse.so"))
needs_portaudio = pytest.mark.skipif(
    find_library("portaudio") is None or not ALSA_DEFAULTS.exists(), reason="needs apt package libportaudio2"
)
needs_pulseaudio = pytest.mark.skipif(
    not (shutil.which("pulseaudio") and shutil.which("paplay") and _PULSE_PLUGINS and find_library("portaudio")),
    reason="needs apt packages libportaudio2 libasound2-plugins pulseaudio pulseaudio-utils",
)


def fake_alsa_microphone(directory: Path, samples: NDArray[np.float32], name: str = FAKE_MICROPHONE) -> dict[str, str]:
    """Environment in which ALSA has the one input `name`, which plays `samples` (n,) or (n, channels) as fast as read.

    The device takes any rate and channel count, so open it with those of `samples`. After the sound comes silence
    for ever: a reader that wants to end must count or close. A program under test must read float32.
    """
    sound = np.asarray(samples, dtype="<f4")
    # at its end the device repeats its last buffer (0.25 s): make that silent
    tail = np.zeros((48_000, *sound.shape[1:]), dtype="<f4")
    raw = directory / f"{name}.raw"
    raw.write_bytes(sound.tobytes() + tail.tobytes())
    slave = f'type file, slave.pcm null, file /dev/null, infile "{raw}", format raw'
    return _alsa_device(directory, name, slave)


def _alsa_device(directory: Path, name: str, slave: str) -> dict[str, str]:
    """Environment of an ALSA configuration with one more input."""
    return _alsa_devices(directory, {name: slave})


def _alsa_devices(directory: Path, slaves: dict[str, str]) -> dict[str, str]:
    """The same with several."""
    configuration = directory / f"{next(iter(slaves))}.conf"
    devices = (
        f'pcm.{name} {{ {slave}, hint {{ show on, description "{name}" }} }}\n' for name, slave in slaves.items()
    )
    configuration.write_text("".join(devices))
    return {"ALSA_CONFIG_PATH": f"{ALSA_DEFAULTS}:{configuration}"}


class PulseServer:
    """A private PulseAudio daemon: what `play` puts into a sink is heard, in real time, by the input of that name."""

    microphone = PULSE_MICROPHONE

    def __init__(self, directory: Path, rate: int = 48_000, others: tuple[str, ...] = ()) -> None:
        """`others` are inputs beside `microphone`, with a sink each."""
        self._directory = directory
        self._sinks = {PULSE_MICROPHONE: PULSE_SINK} | {name: f"{name}_sink" for name in others}
        self._rate = rate
        self._socket = directory / "pulse.sock"
        self._daemon: subprocess.Popen[bytes] | None = None
        slaves = {name: f'type pulse, device "{sink}.monitor"' for name, sink in self._sinks.items()}
        self.env = _alsa_devices(directory, slaves) | {
            "PULSE_SERVER": f"unix:{self._socket}",
            "PULSE_COOKIE": str(directory / "cookie"),
            "PULSE_RUNTIME_PATH": str(directory / "run"),
        }

    def start(self) -> None:
        """Start the daemon and wait until it answers."""
        own = {"HOME": str(self._directory), "XDG_CONFIG_HOME": str(self._directory / "config")}
        with (self._directory / "log").open("ab") as log:
            self._daemon = subprocess.Popen(self._command(), env=os.environ | self.env | own, stdout=log, stderr=log)
        deadline_s = time.monotonic() + 20
        while self._ask("info") != 0:
            assert time.monotonic() < deadline_s, (self._directory / "log").read_text()
            time.sleep(0.05)

    def _command(self) -> list[str]:
        socket = f"module-native-protocol-unix socket={self._socket} auth-anonymous=1"
        sinks = [f"module-null-sink sink_name={sink} rate={self._rate} channels=1" for sink in self._sinks.values()]
        options = ["-n", "--daemonize=no", "--exit-idle-time=-1", "--use-pid-file=no", "--disable-shm=yes"]
        return ["pulseaudio", *options, "-L", socket, *(word for sink in sinks for word in ("-L", sink))]

    def _ask(self, *question: str) -> int:
        command = ["pactl", *question]
        return subprocess.run(command, env=os.environ | self.env, capture_output=True, check=False).returncode

    def play(self, samples: NDArray[np.float32], rate: int = 16_000, microphone: str = PULSE_MICROPHONE) -> None:
        """Play `samples` (n,) to an input, silence before and after it; returns when all has been heard."""
        command = [
            "paplay",
            "--raw",
            f"--device={self._sinks[microphone]}",
            f"--rate={rate}",
            "--channels=1",
            "--format=float32le",
        ]
        # PulseAudio spoils the first 0.1 s of a stream, and is done a little before its end is heard
        sound = np.pad(samples, (rate // 4, rate // 2)).astype("<f4").tobytes()
        subprocess.run(command, env=os.environ | self.env, input=sound, check=True, timeout=60 + len(samples) / rate)

    def freeze(self) -> None:
        """Stop giving sound without saying so, as a hung USB device does."""
        self._signal(signal.SIGSTOP)

    def thaw(self) -> None:
        """End a `freeze`."""
        self._signal(signal.SIGCONT)

    def kill(self) -> None:
        """Unplug: the daemon is gone at once. Safe to call twice."""
        if self._daemon is not None:
            self._signal(signal.SIGKILL)
            self._daemon.wait()
            self._daemon = None
            self._socket.unlink(missing_ok=True)

    def restart(self) -> None:
        """Plug in again: `kill`, if it still runs, and `start`."""
        self.kill()
        self.start()

    def _signal(self, number: signal.Signals) -> None:
        assert self._daemon is not None, "the server was not started"
        self._daemon.send_signal(number)


@contextmanager
def pulse_server(rate: int = 48_000, others: tuple[str, ...] = ()) -> Iterator[PulseServer]:
    """A running PulseServer in a directory of its own, whose path is short enough for a socket."""
    with tempfile.TemporaryDirectory(prefix="kwsd-pulse-") as directory:
        server = PulseServer(Path(directory), rate, others)
        server.start()
        try:
            yield server
        finally:
            server.kill()


def noise(length: int) -> NDArray[np.float32]:
    """Noise of mostly low frequencies, so that a shift by a part of a sample, as resampling brings, changes little."""
    white = np.random.default_rng(0).normal(0, 0.3, length + 31)
    return np.convolve(white, np.ones(32) / 32, "valid").astype(np.float32)


def likeness(heard: NDArray[np.float32], played: NDArray[np.float32]) -> float:
    """Correlation where they fit best: 1 when what was played is in what was heard, at any time and volume."""
    size = 1 << (len(heard) + len(played)).bit_length()
    fit = np.fft.irfft(np.fft.rfft(heard, size) * np.conj(np.fft.rfft(played, size)))
    start = int(np.argmax(fit[: max(1, len(heard) - len(played))]))
    return float(np.corrcoef(heard[start : start + len(played)], played)[0, 1])
