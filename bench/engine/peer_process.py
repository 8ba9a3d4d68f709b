"""The peer's `kwsd --input`: `python -m bench.engine.peer_process KEYWORDS WAV` prints a JSON line per hit.

It imports nothing that it does not need, so that its peak memory is the peer's own.
"""

import json
import sys
from pathlib import Path

from bench.engine.peer import Peer
from measure.wav import blocks


def main(keywords: str, audio: str) -> None:
    """Hears the phrases of a raw keyword file in a WAV."""
    phrases = tuple(line.strip() for line in Path(keywords).read_text(encoding="utf-8").splitlines() if line.strip())
    for hit in Peer(phrases).hear(blocks(Path(audio))):
        print(json.dumps({"keyword": hit.phrase, "heard_s": hit.heard_s}))


if __name__ == "__main__":
    main(*sys.argv[1:])
