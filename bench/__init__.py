"""Measures kwsd beside sherpa-onnx on the same weights and audio: `python -m bench --help`."""
