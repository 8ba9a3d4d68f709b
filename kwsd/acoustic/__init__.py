"""Sound to log-probabilities: fbank, encoder, decoder and joiner. The only room that knows onnxruntime."""
