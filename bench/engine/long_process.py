"""Hours through one spotter: `python -m bench.engine.long_process KEYWORDS WAV` prints memory by minute of audio."""

import json
import sys
from pathlib import Path

import kwsd
from bench.engine.processes import memory_mb
from measure.paths import MODEL
from measure.wav import RATE, blocks

EVERY_S = 60  # of audio


def main(keywords: str, audio: str) -> None:
    """Feeds the WAV to a spotter that runs to its end."""
    model = kwsd.Model.load(MODEL)
    spotter = kwsd.Spotter(model, kwsd.load_keywords(keywords, model))
    hits = 0
    told_s = 0
    for block in blocks(Path(audio)):
        hits += len(spotter.accept(block))
        position_s = spotter.position_samples // RATE
        if position_s >= told_s + EVERY_S:
            told_s = position_s
            print(json.dumps({"audio_s": position_s, "rss_mb": round(memory_mb("self", "VmRSS"), 2), "hits": hits}))


if __name__ == "__main__":
    main(*sys.argv[1:])
