"""Several microphones through one PortAudio, which lists devices once and for all streams together.

A microphone that is in the list is opened again as it is. For one that is not, a process of its own looks whether it
has come; only then are all streams closed, PortAudio started anew, and all opened again. What the others lose of it is
told as lost sound.
"""

import logging
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import replace

from kwsd.audio.microphone import MicrophoneSource
from kwsd.audio.portaudio import find_device, restart_portaudio
from kwsd.audio.source import Source
from kwsd.errors import AudioError
from kwsd.stream import Chunk
from kwsd.timebase import samples

logger = logging.getLogger(__name__)

LOOKS_WITHIN_S = 10.0
LOOK = "import sys; from kwsd.audio.portaudio import find_device; find_device(sys.argv[1])"


class Devices:
    """Opens microphones, for any thread."""

    def __init__(self) -> None:
        self._listing = threading.RLock()
        self._open: set[SharedMicrophone] = set()

    def opener(self, device: str, channel: int | None) -> Callable[[], Source]:
        """Opens that microphone, as often as wanted; raises AudioError."""
        return lambda: SharedMicrophone(self, device, channel)

    def open(self, microphone: "SharedMicrophone") -> MicrophoneSource:
        """Open it; where PortAudio does not know it, after a new listing, if that would help. Raises AudioError."""
        try:
            with self._listing:
                find_device(microphone.device)
        except AudioError:
            if not has_come(microphone.device):
                raise
            with self._listing:
                logger.info("a microphone has come: all are closed for a moment, so that PortAudio sees it")
                for each in tuple(self._open):
                    each.give_way()
                restart_portaudio()
        with self._listing:
            opened = MicrophoneSource(microphone.device, microphone.channel)
            self._open.add(microphone)
        return opened

    def forget(self, microphone: "SharedMicrophone") -> None:
        """It is closed."""
        self._open.discard(microphone)


def has_come(device: str) -> bool:
    """Whether a process that has just started sees this device."""
    command = [sys.executable, "-c", LOOK, device]
    with suppress(OSError, subprocess.TimeoutExpired):
        done = subprocess.run(command, capture_output=True, timeout=LOOKS_WITHIN_S, check=False)  # noqa: S603 - our own
        return done.returncode == 0
    return False


class SharedMicrophone:
    """A Source that goes on behind a new listing of the devices, with a gap."""

    duration_s = None

    def __init__(self, devices: Devices, device: str, channel: int | None) -> None:
        """Raises AudioError: it cannot be opened."""
        self.device, self.channel = device, channel
        self._devices = devices
        self._closed = self._gave_way = False
        self._source = devices.open(self)
        self.name = self._source.name

    def __iter__(self) -> Iterator[Chunk]:
        """Chunks until it is closed."""
        begins_at = end = 0
        try:
            while True:
                for chunk in self._source:
                    placed = replace(chunk, start_sample=begins_at + chunk.start_sample)
                    end = placed.end_sample
                    yield placed
                if self._closed or not self._gave_way:
                    return
                gave_way_at_s = time.monotonic()
                self._gave_way = False
                self._source = self._devices.open(self)
                begins_at = end + samples(time.monotonic() - gave_way_at_s)
        finally:
            self.close()

    def give_way(self) -> None:
        """Close the stream for a moment."""
        self._gave_way = True
        self._source.close()

    def close(self) -> None:
        """Release the device; iteration ends."""
        self._closed = True
        self._source.close()
        self._devices.forget(self)
