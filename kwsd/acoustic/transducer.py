"""Encoder frames → log-probabilities: a decoder that sees two tokens only (stateless), and a joiner."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import accumulate, pairwise
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from kwsd.acoustic.output_layer import OutputLayer, output_layer
from kwsd.acoustic.session import make_session
from kwsd.errors import ModelError
from kwsd.units import START, Context

JOINER_INPUTS = ["encoder_out", "decoder_out"]

CACHED_CONTEXTS = 8192  # × 320 floats (kwsd-en 209): 10 MB at most; twenty keywords have about a hundred contexts


class Transducer:
    """Immutable but for a cache of decoder outputs, each of which depends on two tokens only."""

    def __init__(self, decoder: Path, joiner: Path, silent_tokens: tuple[int, ...]) -> None:
        """Load both graphs. `silent_tokens` spell nothing: the blank, and `<unk>` where there is one.

        Raises:
            ModelError: a file is missing or is not what its name says.
        """
        self.silent_tokens = silent_tokens
        self._decoder = make_session(decoder)
        self._joiner = make_session(joiner)
        self._token_input = self._decoder.get_inputs()[0]
        logits = [entry.shape[-1] for entry in self._joiner.get_outputs()]
        if [entry.name for entry in self._joiner.get_inputs()] != JOINER_INPUTS or len(logits) != 1:
            raise ModelError(
                f"{joiner}: is not a joiner, which takes {' and '.join(JOINER_INPUTS)} and gives a logit per token"
            )
        self.vocabulary_size = int(logits[0])
        self._frame_input, self._decoder_input = (entry.name for entry in self._joiner.get_inputs())
        metadata = self._decoder.get_modelmeta().custom_metadata_map
        if metadata.get("context_size", "2") != "2":
            raise ModelError(f"{decoder}: context size {metadata['context_size']}, kwsd needs 2")
        self._cache: dict[Context, NDArray[np.float32]] = {}
        self._output: OutputLayer | None = None
        self._output = self._output_layer()

    def log_probs(
        self, frames: NDArray[np.float32], contexts: Sequence[Context], groups: Sequence[int] = ()
    ) -> NDArray[np.float32]:
        """Row i of the result (n, vocabulary) is log P(token | frames[i], contexts[i]). frames: (n, C).

        Each of the `groups`, so many rows, gets the answer that it would get alone, to the last bit.
        """
        places = {context: place for place, context in enumerate(dict.fromkeys(contexts))}
        decoded = np.array([self._decoded(context) for context in places])
        if len(places) < len(contexts):  # a copy of a row costs a fifth of an array among others
            decoded = decoded[[places[context] for context in contexts]]
        ends = list(accumulate(groups or [len(contexts)]))
        parts = [slice(*span) for span in pairwise([0, *ends])]
        if self._output is None:
            logits = np.concatenate([self._run(frames[part], decoded[part]) for part in parts])
        else:  # half of what a call of the graph takes
            matrix, bias = self._output.matrix, self._output.bias
            hidden = np.tanh(frames + decoded[:, : len(matrix)])
            logits = np.empty((len(contexts), self.vocabulary_size), np.float32)
            for part in parts:  # BLAS rounds otherwise where there are more rows, unlike all else here
                np.matmul(hidden[part], matrix, out=logits[part])
            logits += decoded[:, len(matrix) :] if bias is None else bias
        return _normalised(logits)

    def log_probs_each(self, frames: NDArray[np.float32], contexts: Sequence[Context]) -> NDArray[np.float32]:
        """Log P(token | frame, context) of all frames (n, C) after each context: (contexts, n, vocabulary)."""
        shape = len(contexts), len(frames), self.vocabulary_size
        if self._output is None:
            every = [context for context in contexts for _ in range(len(frames))]
            return self.log_probs(np.concatenate([frames] * len(contexts)), every).reshape(shape)
        matrix, bias = self._output.matrix, self._output.bias
        decoded = np.array([self._decoded(context) for context in contexts])[:, None]
        hidden = frames + decoded[:, :, : len(matrix)]
        np.tanh(hidden, out=hidden)
        logits = (hidden.reshape(-1, len(matrix)) @ matrix).reshape(shape)
        logits += decoded[:, :, len(matrix) :] if bias is None else bias
        return _normalised(logits)

    def _run(self, frames: NDArray[np.float32], decoded: NDArray[np.float32]) -> NDArray[np.float32]:
        return np.asarray(self._joiner.run(None, {self._frame_input: frames, self._decoder_input: decoded})[0])

    def _output_layer(self) -> OutputLayer | None:
        """The joiner as NumPy computes it; None where it is not a joiner as they usually are."""
        try:
            layer = output_layer(self._run, len(self._decoded(START)))
        except Exception:  # noqa: BLE001  # the model's own test tells of parts that do not fit each other
            return None
        self._cache.clear()  # decoder outputs without their biases
        return layer

    def _decoded(self, context: Context) -> NDArray[np.float32]:
        """Decoder output (C,) after `context`; behind it the joiner's bias (vocabulary,) where it has one for each."""
        known = self._cache.get(context)
        if known is None:
            if len(self._cache) >= CACHED_CONTEXTS:
                self._cache.clear()
            dtype = np.int64 if self._token_input.type == "tensor(int64)" else np.int32
            known = self._decoder.run(None, {self._token_input.name: np.array([context], dtype)})[0]
            if self._output is not None and self._output.bias is None:
                known = np.concatenate([known, self._output.bias_of(self._run, known)], axis=1)
            self._cache[context] = known = known[0]
        return known


def _normalised(logits: NDArray[np.float32]) -> NDArray[np.float32]:
    """Their log-softmax (…, vocabulary), in place."""
    logits -= logits.max(axis=-1, keepdims=True)
    logits -= np.log(np.exp(logits).sum(axis=-1, keepdims=True))
    return logits
