"""Measures kwsd beside sherpa-onnx on the same weights and audio: `python -m bench --help`."""

import os

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # before NumPy is imported, as the commands of kwsd have it
