"""DS-CNN in NumPy: the window network without onnxruntime, which takes 25 MiB and a tenth of a second to start.

Pointwise convolutions are matrix products over (frames × bands, channels), depthwise ones nine shifted products. A
window that has moved on by a hop shares most of its rows with the one before: away from the edges, which see zeros,
they are the same numbers, and only the others are computed. Products are of one row of bands at a time: a larger one
OpenBLAS gives to its threads, where nobody has told it not to, at several times the processor time.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from kwsd.commands12.frontend import BANDS, CLIP_FRAMES, FloatArray
from kwsd.commands12.onnx_file import OnnxGraph, read_onnx

HIGH, WIDE = 10, 4  # of the stem's kernel, frames and bands
ABOVE, LEFT = 4, 1  # zeros around the window
STRIDE = 2  # of the stem and of the first block
BLOCKS = 4
OPERATORS = ("Sub", "Div", "Unsqueeze", *("Conv", "Relu") * (1 + 2 * BLOCKS), "ReduceMean", "Gemm", "Softmax")
PREFIX = "model."
SCALE = "val_0", "val_1"  # what is taken from the grey values, and what they are divided by


class MovingLayer:
    """What a layer gives, with zeros around it, and which rows of it are new once the window has moved."""

    def __init__(self, shape: tuple[int, int, int], first: int, last: int, moved: int) -> None:
        """Of (rows, columns, channels); rows `first` to `last` see no zeros in front of or behind the window."""
        rows, columns, channels = self.shape = shape
        self.padded = np.zeros((rows + 2, columns + 2, channels), np.float32)
        self.inside = self.padded[1:-1, 1:-1]
        self.moved, self.first, self.last = moved, first, last
        kept = max(0, last + 1 - moved - first) if moved else 0
        self.kept = slice(first, first + kept)
        self.new = (slice(0, first), slice(first + kept, rows)) if kept else (slice(0, rows),)

    def parts(self, fresh: bool) -> tuple[slice, ...]:
        """Rows to be computed; what stays has been moved to its place."""
        if fresh or not self.kept.stop:
            return (slice(0, self.shape[0]),)
        self.inside[self.kept] = self.inside[self.kept.start + self.moved : self.kept.stop + self.moved]
        return self.new


class DsCnn:
    """The network of one file, for windows that follow each other by one hop."""

    def __init__(self, graph: OnnxGraph, hop_frames: int) -> None:
        """Raises KeyError or ValueError: it is not a DS-CNN."""
        weights = {name.removeprefix(PREFIX): weight for name, weight in graph.weights.items()}
        if graph.operators != OPERATORS:
            raise ValueError("other operators")
        channels = len(weights["stem.0.weight"])
        self._scale = [weights[name].item() for name in SCALE]
        self._stem = matrix(weights["stem.0.weight"], (channels, 1, HIGH, WIDE)), weights["stem.0.weight_bias"]
        self._layers = layers(channels, hop_frames)
        self._blocks = [
            (
                surroundings(self._layers[n].padded, 1 if n else STRIDE),
                tiled(matrix(weights[f"blocks.{n}.0.weight"], (channels, 1, 3, 3)), self._layers[n + 1].shape[1]),
                weights[f"blocks.{n}.0.weight_bias"],
                matrix(weights[f"blocks.{n}.3.weight"], (channels, channels, 1, 1)),
                weights[f"blocks.{n}.3.weight_bias"],
            )
            for n in range(BLOCKS)
        ]
        self._head = matrix(weights["head.weight"], (len(weights["head.bias"]), channels)), weights["head.bias"]
        self._window = np.zeros((CLIP_FRAMES + 2 * ABOVE, BANDS + 2 * LEFT), np.float32)
        views = np.lib.stride_tricks.sliding_window_view(self._window, (HIGH, WIDE))
        self._views = views[::STRIDE, ::STRIDE]
        # pages of memory that is made anew each time would cost more than the sums
        self._seen = np.empty(self._views.shape, np.float32)
        self._flat = np.empty(self._layers[0].shape, np.float32)
        self._deep, self._pointwise = np.empty((2, *self._layers[1].shape), np.float32)

    @np.errstate(all="ignore")  # what is not finite is found by whoever asked
    def run(self, window: FloatArray, fresh: bool) -> FloatArray:
        """Grey values (98, 40) → posteriors (classes,); unless `fresh`, the window of before has moved by a hop."""
        centre, spread = self._scale
        self._window[ABOVE:-ABOVE, LEFT:-LEFT] = (window - centre) / spread
        weights, bias = self._stem
        for part in self._layers[0].parts(fresh):
            seen, flat = self._seen[: part.stop - part.start], self._flat[: part.stop - part.start]
            np.copyto(seen, self._views[part])
            np.matmul(seen.reshape(*flat.shape[:2], -1), weights, out=flat)
            relu(flat, bias, self._layers[0].inside[part])
        for layer, (around, taps, deep_bias, weights, bias) in zip(self._layers[1:], self._blocks, strict=True):
            for part in layer.parts(fresh):
                deep, flat = self._deep[: part.stop - part.start], self._pointwise[: part.stop - part.start]
                np.einsum("ijrwc,ijwc->rwc", around[:, :, part], taps, out=deep)
                relu(deep, deep_bias, deep)
                np.matmul(deep, weights, out=flat)
                relu(flat, bias, layer.inside[part])
        weights, bias = self._head
        logits = self._layers[-1].inside.mean(axis=(0, 1)) @ weights + bias
        odds = np.exp(logits - logits.max())
        return np.asarray(odds / odds.sum(), np.float32)


def read_ds_cnn(path: Path, hop_frames: int) -> DsCnn | None:
    """The network of a file; None: the file is of another one, or broken. Raises ModelError: it cannot be read."""
    try:
        return DsCnn(read_onnx(path), hop_frames)
    except (KeyError, ValueError, TypeError, IndexError):
        return None


def layers(channels: int, hop_frames: int) -> list[MovingLayer]:
    """The stem and the blocks; of which rows stay as the window moves by a hop, none where it is no multiple of 4."""
    rows = (CLIP_FRAMES + 2 * ABOVE - HIGH) // STRIDE + 1
    columns = (BANDS + 2 * LEFT - WIDE) // STRIDE + 1
    first, last = ABOVE // STRIDE, (CLIP_FRAMES + ABOVE - HIGH) // STRIDE
    moved = 0 if hop_frames % STRIDE**2 else hop_frames // STRIDE
    found = [MovingLayer((rows, columns, channels), first, last, moved)]
    for index in range(BLOCKS):
        stride = 1 if index else STRIDE
        first, last = -(-(first + 1) // stride), (last - 1) // stride
        rows, columns, moved = -(-rows // stride), -(-columns // stride), moved // stride
        found.append(MovingLayer((rows, columns, channels), first, last, moved))
    return found


def matrix(weights: FloatArray, shape: tuple[int, ...]) -> FloatArray:
    """Weights of outputs × inputs and taps → (inputs and taps, outputs). Raises ValueError: they have another shape."""
    if weights.shape != shape:
        raise ValueError(f"weights {weights.shape}, not {shape}")
    return np.ascontiguousarray(weights.reshape(len(weights), -1).T, np.float32)


def surroundings(padded: FloatArray, stride: int) -> FloatArray:
    """What each tap of a 3 × 3 kernel sees of a signal in zeros: a view (3, 3, rows, columns, channels)."""
    views = np.lib.stride_tricks.sliding_window_view(padded, (3, 3), axis=(0, 1))
    return views[::stride, ::stride].transpose(3, 4, 0, 1, 2)


def tiled(taps: FloatArray, columns: int) -> FloatArray:
    """(9, channels) → (3, 3, columns, channels): as often as makes one long row of products of it."""
    return np.repeat(taps.reshape(3, 3, 1, -1), columns, axis=2)


def relu(signal: FloatArray, bias: FloatArray, into: FloatArray) -> None:
    """Of the signal with its bias, which it keeps."""
    np.add(signal, bias, out=signal)
    np.maximum(signal, 0.0, out=into)
