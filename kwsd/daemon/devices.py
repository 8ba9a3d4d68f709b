"""Several microphones through one PortAudio, which lists devices once and for all streams together.

One that could not be opened or was lost may be there by now, under another number than in that list, or the number may
be another's. So a process of its own looks how a new list names it; where that differs all streams are closed,
PortAudio is started anew, and all are opened again. What the others lose of it is told as lost sound.
"""

import logging
import subprocess
import sys
import threading
import time
from ast import literal_eval
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import replace

from kwsd.audio.microphone import MicrophoneSource
from kwsd.audio.portaudio import find_device, refuse_while_hanging, restart_portaudio
from kwsd.audio.source import Source
from kwsd.errors import AudioError
from kwsd.stream import Chunk
from kwsd.timebase import samples

logger = logging.getLogger(__name__)

LOOKS_WITHIN_S = 10.0
LOOK = "import sys; from kwsd.audio.portaudio import find_device; print(ascii(find_device(sys.argv[1]).name))"


class Devices:
    """Opens microphones, for any thread."""

    def __init__(self) -> None:
        self._listing = threading.RLock()
        self._open: set[SharedMicrophone] = set()
        self._doubtful: set[str] = set()
        """Devices of which the list may say what is no longer so."""

    def opener(self, device: str, channel: int | None) -> Callable[[], Source]:
        """Opens that microphone, as often as wanted; raises AudioError."""
        return lambda: SharedMicrophone(self, device, channel)

    def open(self, microphone: "SharedMicrophone") -> None:
        """Give it a `source`; where the last one was lost behind a look at a new list. Raises AudioError."""
        if microphone.device in self._doubtful:
            self.look_again(microphone.device)
        self._doubtful.add(microphone.device)
        with self._listing:  # it is among those that are open before another thread may have all closed
            microphone.source = MicrophoneSource(microphone.device, microphone.channel)
            self._open.add(microphone)
        self._doubtful.discard(microphone.device)

    def look_again(self, device: str) -> None:
        """List all devices anew where this one is there and is called otherwise. Raises AudioError."""
        there = name_in_new_list(device)
        with self._listing:
            refuse_while_hanging()  # what is closed now could not be opened again
            listed = None
            with suppress(AudioError):
                listed = find_device(device).name
            if there in {None, listed}:
                return
            logger.info("a microphone has come: all are closed for a moment, so that PortAudio sees it")
            for each in tuple(self._open):
                each.give_way()
            restart_portaudio()

    def doubt(self, device: str) -> None:
        """It was lost."""
        self._doubtful.add(device)

    def forget(self, microphone: "SharedMicrophone") -> None:
        """It is closed."""
        self._open.discard(microphone)


def name_in_new_list(device: str) -> str | None:
    """What a process that has just started calls this device; None where it sees none."""
    command = [sys.executable, "-c", LOOK, device]
    with suppress(OSError, subprocess.TimeoutExpired, ValueError, SyntaxError):
        done = subprocess.run(command, capture_output=True, timeout=LOOKS_WITHIN_S, check=False)  # noqa: S603 - our own
        return str(literal_eval(done.stdout.decode())) if done.returncode == 0 else None
    return None


class SharedMicrophone:
    """A Source that goes on behind a new listing of the devices, with a gap."""

    duration_s = None

    def __init__(self, devices: Devices, device: str, channel: int | None) -> None:
        """Raises AudioError: it cannot be opened."""
        self.device, self.channel = device, channel
        self._devices = devices
        self._closed = self._gave_way = False
        self.source: MicrophoneSource
        devices.open(self)
        self.name = self.source.name

    def __iter__(self) -> Iterator[Chunk]:
        """Chunks until it is closed."""
        begins_at = end = 0
        try:
            while True:
                for chunk in self.source:
                    placed = replace(chunk, start_sample=begins_at + chunk.start_sample)
                    end = placed.end_sample
                    yield placed
                if self._closed or not self._gave_way:
                    return
                gave_way_at_s = time.monotonic()
                self._gave_way = False
                self._devices.open(self)
                begins_at = end + samples(time.monotonic() - gave_way_at_s)
        except AudioError:
            self._devices.doubt(self.device)
            raise
        finally:
            self.close()

    def give_way(self) -> None:
        """Close the stream for a moment."""
        self._gave_way = True
        self.source.close()

    def close(self) -> None:
        """Release the device; iteration ends."""
        self._closed = True
        self.source.close()
        self._devices.forget(self)
