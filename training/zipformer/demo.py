"""Make models/demo.wav: the phrases of a keyword file and a sentence without any, by voices never trained on."""

import tempfile
from itertools import cycle
from pathlib import Path

import numpy as np
import soundfile

from kwsd.keywords.text_lines import read_lines
from measure.streams import floor
from training.zipformer.data.synthesis import RATE, Voice, speak

VOICES = ("flite/rms", "espeak-ng/en-us+f4", "festival/ked_diphone")
"""Of `synthesis.HELD_OUT`, those that people understand best."""
PAUSE_S = 1.6
LOUDNESS = 0.07  # rms of every phrase, full scale 1
BETWEEN = "the quick brown fox jumps over the lazy dog"
"""Said in the middle; none of it is a keyword."""


def make_demo(keywords: Path, output: Path) -> list[str]:
    """Speak every phrase once, with pauses; gives what is said, in order."""
    phrases = [entry.keyword.phrase for entry in read_lines(keywords.read_bytes()) if entry.keyword]
    texts = [*phrases[: len(phrases) // 2], BETWEEN, *phrases[len(phrases) // 2 :]]
    pause = np.zeros(int(PAUSE_S * RATE), np.float32)
    parts = [pause[: len(pause) // 2]]
    with tempfile.TemporaryDirectory() as folder:
        for text, voice in zip(texts, cycle(VOICES), strict=False):
            spoken = speak(text, Voice.from_label(voice), Path(folder) / "spoken.wav")
            parts += [spoken * np.float32(LOUDNESS / np.sqrt(np.mean(spoken**2))), pause]
    sound = np.concatenate(parts)
    soundfile.write(output, (sound + floor(len(sound), seed=0)).clip(-1, 1), RATE, subtype="PCM_16")
    return texts
