"""Measures kwsd beside sherpa-onnx on the same weights and audio: `python -m bench --help`."""

import os
from pathlib import Path

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # before NumPy is imported, as the commands of kwsd have it

ROOT = Path(__file__).resolve().parent.parent
SHARED = Path(os.environ.get("KWSD_SHARED", ROOT.parent / "shared"))  # said here too: measure may be what is missing
