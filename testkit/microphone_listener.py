"""A process that listens to the microphone named by its first argument until its stdin closes, reopening it if need be.

Says on stdout, one JSON object per line, what happens; then saves what it heard to the file of its second argument.
A third argument names what to pretend: `refuse 16 kHz`, as a device does that knows only its own rate.
"""

import json
import sys
import threading
import time
from typing import Any

import numpy as np

from kwsd.audio.microphone import MicrophoneSource
from kwsd.audio.portaudio import portaudio, restart_portaudio
from kwsd.audio.source import Samples
from kwsd.errors import AudioError
from kwsd.timebase import SAMPLE_RATE


def say(**event: Any) -> None:
    print(json.dumps(event), flush=True)  # noqa: T201 - the tests read it


def refuse_16_khz() -> None:
    library = portaudio()

    class Stubborn(library.InputStream):  # type: ignore[name-defined,misc]  # sounddevice has no types
        def __init__(self, samplerate: float, **options: Any) -> None:
            if samplerate == SAMPLE_RATE:
                raise library.PortAudioError("Invalid sample rate", -9997)
            super().__init__(samplerate=samplerate, **options)

    library.InputStream = Stubborn


class Listener:
    def __init__(self, device: str) -> None:
        self.device = device
        self.heard: list[Samples] = []
        self.source: MicrophoneSource | None = None
        self.stopping = threading.Event()

    def stop_when_stdin_closes(self) -> None:
        sys.stdin.read()
        self.stopping.set()
        if self.source is not None:
            self.source.close()

    def run(self) -> None:
        threading.Thread(target=self.stop_when_stdin_closes, daemon=True).start()
        while not self.stopping.is_set():
            try:
                self.listen()
            except AudioError as error:
                say(event="error", message=str(error))
                self.recover()

    def listen(self) -> None:
        self.source = MicrophoneSource(self.device)
        for number, block in enumerate(self.source):
            if number == 0:
                say(event="hearing", name=self.source.name, rate_hz=self.source.rate_hz)
            self.heard.append(block.samples)

    def recover(self) -> None:
        time.sleep(0.2)
        try:
            restart_portaudio()
        except AudioError as error:
            say(event="error", message=str(error))


if __name__ == "__main__":
    if "refuse 16 kHz" in sys.argv[3:]:
        refuse_16_khz()
    listener = Listener(sys.argv[1])
    listener.run()
    np.save(sys.argv[2], np.concatenate([np.zeros(0, np.float32), *listener.heard]))
    say(event="ended")
