"""The network, one concept per file: front end, attention, convolution, layer, stack, encoder, decoder, joiner.

Everything here runs in two ways over one code path. *Whole*: a batch of utterances with a chunk mask, for training.
*Streaming*: one chunk with explicit caches, for export. A whole pass is a streaming pass with empty caches and a mask.
"""
