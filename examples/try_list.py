"""Says every phrase of a keyword list in flite's voices, and counts which are heard, and which as another.

    python examples/try_list.py keywords/workshop.txt            # a minute; or in one voice: … slt

It needs the Debian package flite. Synthetic voices are clearer than a workshop and stranger than your own: what is
taken for another phrase here is too much like it, and what is heard here may still want a threshold where you are.
"""

import json
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import soundfile

VOICES = ["awb", "rms", "slt"]


def recordings(phrases: list[str], voice: str, folder: Path) -> dict[str, str]:
    """Each phrase said, with silence around it. Returns file to phrase."""
    said = {}
    for number, phrase in enumerate(phrases):
        path = folder / f"{voice}-{number}.wav"
        subprocess.run(["flite", "-voice", voice, "-t", phrase, "-o", path], check=True)
        sound, rate = soundfile.read(path)
        soundfile.write(path, np.pad(sound, (rate // 2, rate)), rate)
        said[str(path)] = phrase
    return said


def main(keywords: str, voices: list[str]) -> None:
    """Print a line for each voice, and one for each phrase that was taken for another."""
    lines = [line.strip() for line in Path(keywords).read_text(encoding="utf-8").splitlines()]
    phrases = [line for line in lines if line and not line.startswith("#")]
    with tempfile.TemporaryDirectory() as folder:
        for voice in voices:
            said = recordings(phrases, voice, Path(folder))
            command = ["kwsd", "--json", "--keywords", keywords, "--input", *said]
            told = subprocess.run(command, check=True, capture_output=True, text=True).stdout
            heard = [(said[event["source"]], event["phrase"]) for event in map(json.loads, told.splitlines())]
            right = {phrase for phrase, event in heard if phrase == event}
            print(f"{voice}: {len(right)} of {len(phrases)} heard")
            for phrase in sorted(set(phrases) - right):
                print(f"  not heard: {phrase}")
            for phrase, event in heard:
                if phrase != event:
                    print(f"  heard {event} where this was said: {phrase}")


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2:] or VOICES)
