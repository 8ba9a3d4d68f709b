"""Where the measurements find their material and leave their results."""

import os
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
SHARED = Path(os.environ.get("KWSD_SHARED", ROOT.parent / "shared"))  # audio and weights, never committed
MODEL = SHARED / "models" / "zipformer-gigaspeech-kws-3.3m"
WORK = ROOT / "bench" / ".work"  # prepared audio and the peer's cached hits; git ignores it
ONLY_CORPORA = tuple(filter(None, os.environ.get("KWSD_BENCH_CORPORA", "").split(",")))  # for a shorter run
RESULTS = ROOT / "bench" / "results"
