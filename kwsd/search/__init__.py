"""Log-probabilities to hits: keyword files, graph, beam, rules. Pure: no onnxruntime, no asyncio, no audio."""
