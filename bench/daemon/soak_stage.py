"""What is said in a soak, who listens, and the count of what was heard of it."""

import random
import threading
import time
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soundfile
from numpy.typing import NDArray

from kwsd.timebase import SAMPLE_RATE
from measure.paths import MODEL
from testkit.daemons import DaemonProcess, Plug, eventually, phrase
from testkit.tiny_model import build_tiny_model

DECIDED_S = 3.0  # after the last sample of a phrase it must have been heard
NOBODY_SAYS = "ELEPHANT SEVEN"


@dataclass(frozen=True, slots=True)
class Line:
    """Something to say."""

    sound: NDArray[np.float32]
    """float32 (n,), 16 kHz."""
    words: tuple[str, ...]
    """What must be heard in it."""


@dataclass(frozen=True, slots=True)
class Script:
    """A model and what is said to it."""

    model: Path
    lines: tuple[Line, ...]

    @property
    def keywords(self) -> str:
        """The keyword file."""
        words = [word for line in self.lines for word in line.words]
        return "".join(f"{word}\n" for word in (*words, NOBODY_SAYS))


def script_for(model: Path | None, directory: Path) -> Script:
    """The recordings of upstream's model for `model`, or for that one itself; without it, the tests' tiny model."""
    if model is None and not MODEL.is_dir():
        said = tuple(Line(phrase(text), (text,)) for text in ("LIGHT ON", "TURN OFF"))
        return Script(build_tiny_model(directory / "tiny"), said)
    expected = (("LIGHT UP",), ("LOVELY CHILD", "FOREVER"))
    sounds = [soundfile.read(MODEL / "test_wavs" / f"{number}.wav", dtype="float32")[0] for number in range(2)]
    return Script(model or MODEL, tuple(map(Line, sounds, expected)))


class Ear:
    """A well-behaved subscriber, for the whole time."""

    def __init__(self, daemon: DaemonProcess) -> None:
        self.counts: Counter[str] = Counter()
        """Events by type."""
        self.heard: list[str] = []
        """Keywords, in order."""
        self.last_id = 0
        """Of the detections."""
        self._client, _ = daemon.client()
        self._client.socket.settimeout(None)
        threading.Thread(target=self._listen, daemon=True).start()

    def _listen(self) -> None:
        with suppress(OSError, EOFError):
            while True:
                record = self._client.read()
                self.counts[record["type"]] += record.get("n", 1)
                if record["type"] == "detection":
                    self.last_id = record["id"]
                    self.heard.append(record["keyword"])


class Speaker:
    """Says lines into the microphone and counts what is heard of them."""

    def __init__(self, script: Script, plug: Plug, ear: Ear, dice: random.Random) -> None:
        self.said = self.lost = self.extra = self.interrupted = 0
        self.plug = plug
        self.ear = ear
        self.dice = dice
        self._script = script

    def speak(self, during: Callable[[], object] | None = None) -> None:
        """Say a line, with something happening meanwhile; wait until it is decided, and count."""
        line = self.dice.choice(self._script.lines)
        before = len(self.ear.heard)
        self.plug.say(line.sound)
        if during is not None:
            time.sleep(self.dice.uniform(0.2, len(line.sound) / SAMPLE_RATE))
            during()
        self.plug.say_all(np.zeros(0, np.float32))
        eventually(lambda: len(self.ear.heard) - before >= len(line.words), DECIDED_S)
        time.sleep(self.dice.uniform(0.3, 2.0))
        self._count(Counter(line.words), Counter(self.ear.heard[before:]))

    def be_cut_off(self, cut: Callable[[], object]) -> None:
        """Begin a line that does not come to its end. It counts as interrupted, whether heard or not."""
        self.plug.say(self.dice.choice(self._script.lines).sound)
        time.sleep(self.dice.uniform(0.2, 4))
        cut()
        self.plug.forget()
        self.interrupted += 1

    def _count(self, words: Counter[str], heard: Counter[str]) -> None:
        self.said += words.total()
        self.lost += (words - heard).total()
        self.extra += (heard - words).total()
        if words - heard:
            print(f"lost {list((words - heard).elements())} at {time.ctime()}", flush=True)
