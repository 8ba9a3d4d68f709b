"""Text-to-speech by Debian's espeak-ng, flite and festival, to widen vocabulary; a few voices are kept for evaluation.

Licences: espeak-ng is GPL-3, which does not reach its output; the flite and festival voices used here (CMU, CSTR) are
free for any use.
"""

import random
import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import soundfile
import soxr

from kwsd.timebase import SAMPLE_RATE
from training.zipformer.data.spoken import Saying, speak_into

RATE = SAMPLE_RATE
ACCENTS = ("en-us", "en-gb", "en-gb-x-rp", "en-gb-scotland", "en-gb-x-gbclan", "en-gb-x-gbcwmd", "en-029", "en-us-nyc")
MALE = ("m1", "m2", "m3", "m4", "m5", "m6", "m8", "adam", "david", "john", "michael", "alex", "klatt2", "klatt4")
FEMALE = ("f1", "f2", "f3", "f5", "belinda", "linda", "steph", "andrea")
FLITE = ("slt", "awb", "kal16")
FESTIVAL = ("kal_diphone", "cmu_us_slt_arctic_hts")
HELD_OUT = ("espeak-ng/en-us+f4", "espeak-ng/en-gb+m7", "flite/rms", "festival/ked_diphone")
"""Voices that never speak training data."""


@dataclass(frozen=True)
class Voice:
    """One way of speaking."""

    engine: str
    """espeak-ng, flite or festival"""
    name: str
    words_per_minute: int = 160
    pitch: int = 50
    """espeak-ng only, 0 to 99"""

    @property
    def label(self) -> str:
        """Name of the voice without its speed, as in `HELD_OUT`."""
        return f"{self.engine}/{self.name}"

    @classmethod
    def from_label(cls, label: str) -> "Voice":
        """Rebuild a voice at its usual speed and pitch."""
        engine, name = label.split("/")
        return cls(engine, name)

    @property
    def licence(self) -> str:
        """Licence of what it says."""
        return "output of GPL-3 software" if self.engine == "espeak-ng" else "CMU/CSTR free"


def training_voice(choose: random.Random) -> Voice:
    """Draw a voice, most of them from espeak-ng, which has the most timbres."""
    speed, kind = choose.randint(115, 210), choose.random()
    if kind < 0.3:
        return Voice("flite", choose.choice(FLITE), speed)
    if kind < 0.4 and shutil.which("text2wave"):
        return Voice("festival", choose.choice(FESTIVAL), speed)
    name = f"{choose.choice(ACCENTS)}+{choose.choice(MALE + FEMALE)}"
    return Voice("espeak-ng", name, speed, choose.randint(25, 75))


def speak(text: str, voice: Voice, scratch: Path) -> npt.NDArray[np.float32]:
    """Speak a text.

    Args:
        text: any case.
        voice: who speaks.
        scratch: a file name to write through, with suffix .wav.

    Returns:
        Samples at 16 kHz, peak at most 0.9.

    Raises:
        subprocess.CalledProcessError: the engine failed.
    """
    command, stdin = _command(text.lower(), voice, scratch)
    subprocess.run(command, input=stdin, check=True, capture_output=True, text=True)  # noqa: S603  (arguments are ours)
    samples, rate = soundfile.read(scratch, dtype="float32")
    scratch.unlink()
    resampled: npt.NDArray[np.float32] = soxr.resample(samples, rate, RATE).astype(np.float32)
    resampled *= 0.9 / max(0.9, float(np.abs(resampled).max(initial=0.0)))
    return resampled


def synthesise(folder: Path, texts: Sequence[str], seed: int, workers: int = 2) -> None:
    """Speak every text once into `folder`; what is there already is kept."""
    choose = random.Random(seed)
    speak_into(folder, [_saying(text, training_voice(choose)) for text in texts], "synthesis", workers)


def _saying(text: str, voice: Voice) -> Saying:
    manner = f"{voice.words_per_minute} {voice.pitch}"
    return Saying(text, voice.label, manner, voice.licence, lambda scratch: speak(text, voice, scratch))


def _command(text: str, voice: Voice, output: Path) -> tuple[list[str], str]:
    slower = f"{160 / voice.words_per_minute:.2f}"
    if voice.engine == "espeak-ng":
        speed, pitch = str(voice.words_per_minute), str(voice.pitch)
        return ["espeak-ng", "-v", voice.name, "-s", speed, "-p", pitch, "-w", str(output), text], ""
    if voice.engine == "flite":
        stretch = f"duration_stretch={slower}"
        return ["flite", "-voice", voice.name, "--setf", stretch, "-t", text, "-o", str(output)], ""
    setup = f"(begin (voice_{voice.name}) (Parameter.set 'Duration_Stretch {slower}))"
    return ["text2wave", "-eval", setup, "-o", str(output)], text
