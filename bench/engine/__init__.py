"""Search and encoder beside sherpa-onnx, on the same weights and sound."""
