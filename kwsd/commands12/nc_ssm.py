"""NC-SSM in NumPy, for a second and a half now and then: the frame network without onnxruntime.

What `training/commands12/models/nc_ssm.py` trains, with the weights of the very file that onnxruntime runs as a stream.
The exporter has kept the names of vectors only; matrices are taken by their shapes, in the order of their use.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from kwsd.commands12.frontend import BANDS, FloatArray
from kwsd.commands12.onnx_file import OnnxGraph, read_onnx
from kwsd.errors import ModelError

CENTRE, SPREAD = 100.0, 60.0  # grey levels: about the mean and standard deviation of the training pictures
START_FRAMES = 5  # the noise floor begins as the mean of these
RISE, FALL = 0.01, 0.2  # how far it moves towards a louder and a quieter frame; RISE is the smaller one
SNR_UNIT = 40.0  # grey levels: 17 dB, so that speech in quiet is about 1 to 3
SNR_RANGE = -1.0, 4.0
CONV_FRAMES, BAND_FRAMES = 4, 5
NORM_FLOOR = 1e-7
WEIGHT_RANGE = -8.0, 4.0  # of a frame in the mean that the classes are told from, as a logarithm
LAYERS = 2
PREFIX = "model."


class NcSsm:
    """The network of one file, for stretches that begin anew."""

    def __init__(self, graph: OnnxGraph) -> None:
        """Raises KeyError, IndexError or StopIteration: it is no NC-SSM."""
        named = {name.removeprefix(PREFIX): each for name, each in graph.weights.items() if name.startswith(PREFIX)}
        rest = [each for name, each in graph.weights.items() if not name.startswith(PREFIX)]

        def taken(*shape: int) -> FloatArray:
            return rest.pop(next(place for place, each in enumerate(rest) if each.shape == shape))

        width, classes = len(named["embed.bias"]), len(named["head.bias"])
        self._named = named
        self._embed = taken(BANDS, width)
        self._layers: list[dict[str, FloatArray]] = []
        for layer in range(LAYERS):
            own = {name.partition(f"layers.{layer}.")[2]: each for name, each in named.items()}
            inner, heads, states = (len(own[name]) for name in ("skip", "step.bias", "gate_of_snr.bias"))
            self._layers.append(
                own
                | {
                    "inward": taken(width, 2 * inner),
                    "step": taken(inner, heads),
                    "step_of_snr": taken(BANDS, heads),
                    "ways": taken(inner, 2 * states),
                    "gate_of_snr": taken(BANDS, states),
                    "outward": taken(inner, width),
                    "taps": taken(inner, 1, 1, CONV_FRAMES).reshape(inner, -1).T,
                    "decay": taken(heads),
                }
            )
        self._weigh, self._head = taken(width, 1), taken(width, classes)
        self._bands = taken(BANDS, 1, 1, BAND_FRAMES).reshape(BANDS, -1).T
        self._kept = float(next(each for each in rest if each.shape[::2] == (1, 1)).flat[0])

    @np.errstate(all="ignore")  # what is not finite is found by whoever asked
    def run(self, grey: FloatArray) -> FloatArray:
        """Grey values (n, 40) → posteriors (n, classes) after each frame, from the start of a stream."""
        named = self._named
        ratio = np.clip((grey - floors(grey)) / SNR_UNIT, *SNR_RANGE)
        signal: FloatArray = (grey - CENTRE) / SPREAD + ratio * named["snr_share"]
        signal = convolved(signal, self._bands) + named["bands.bias"]
        signal = signal @ self._embed + named["embed.bias"]
        for layer in self._layers:
            signal = signal + through(layer, normed(signal, layer["norm.weight"]), ratio)
        signal = normed(signal, named["norm.weight"])
        weights = np.exp(np.clip(signal @ self._weigh + named["weigh.bias"], *WEIGHT_RANGE))
        total, weight, pooled = np.zeros(signal.shape[1], np.float32), np.float32(0.0), np.empty_like(signal)
        for place, (row, share) in enumerate(zip(signal, weights[:, 0], strict=True)):
            total, weight = self._kept * total + share * row, self._kept * weight + share
            pooled[place] = total / (weight + 1.0)
        logits = pooled @ self._head + named["head.bias"]
        odds = np.exp(logits - logits.max(axis=1, keepdims=True))
        return np.asarray(odds / odds.sum(axis=1, keepdims=True), np.float32)


def read_nc_ssm(path: Path) -> NcSsm:
    """The network of a file. Raises ModelError: it cannot be read, or is another one."""
    try:
        return NcSsm(read_onnx(path))
    except (KeyError, ValueError, TypeError, IndexError, StopIteration) as error:
        raise ModelError(f"{path}: not a model of the nc-ssm engine: {error!r}") from error


def floors(grey: FloatArray) -> FloatArray:
    """The noise under each frame (n, 40): up slowly, down fast."""
    found, level = np.empty_like(grey), np.zeros(grey.shape[1], np.float32)
    for place, row in enumerate(grey):
        rise, fall = (1.0 / (place + 1),) * 2 if place < START_FRAMES else (RISE, FALL)
        level = np.minimum(level + rise * (row - level), level + fall * (row - level))
        found[place] = level
    return found


def convolved(signal: FloatArray, taps: FloatArray) -> FloatArray:
    """Each channel of (n, channels) with its own taps (frames, channels), of which the last sees the present."""
    frames = len(taps)
    known = np.concatenate((np.zeros((frames - 1, signal.shape[1]), np.float32), signal))
    return np.asarray(sum(known[place : place + len(signal)] * taps[place] for place in range(frames)), np.float32)


def normed(signal: FloatArray, weight: FloatArray) -> FloatArray:
    """Root mean square normalisation."""
    return np.asarray(signal / np.sqrt((signal**2).mean(axis=1, keepdims=True) + NORM_FLOOR) * weight, np.float32)


def through(layer: dict[str, FloatArray], signal: FloatArray, ratio: FloatArray) -> FloatArray:
    """What one layer adds: a gated state space that the ratio of signal to noise (n, 40) steers."""
    x, gate = np.split(signal @ layer["inward"], 2, axis=1)
    x = silu(convolved(x, layer["taps"]) + layer["conv.bias"])
    step = np.logaddexp(0.0, x @ layer["step"] + layer["step.bias"] + ratio @ layer["step_of_snr"])
    way_in, way_out = np.split(x @ layer["ways"], 2, axis=1)
    share = layer["gate_share"]
    way_in = way_in * (
        1.0 - share + share / (1.0 + np.exp(-(ratio @ layer["gate_of_snr"] + layer["gate_of_snr.bias"])))
    )
    heads = x.reshape(len(x), len(layer["decay"]), -1)
    y = np.concatenate(list(states(heads * step[:, :, None], np.exp(step * layer["decay"]), way_in, way_out)))
    return np.asarray(((y + x * layer["skip"]) * silu(gate)) @ layer["outward"], np.float32)


def states(driven: FloatArray, kept: FloatArray, way_in: FloatArray, way_out: FloatArray) -> Iterator[FloatArray]:
    """The recurrence: (n, heads, width), (n, heads) and twice (n, states) → n times (1, heads × width)."""
    state = np.zeros((driven.shape[1], way_in.shape[1], driven.shape[2]), np.float32)
    for row, fade, inward, outward in zip(driven, kept, way_in, way_out, strict=True):
        state = fade[:, None, None] * state + inward[:, None] * row[:, None, :]
        yield (outward @ state).reshape(1, -1)


def silu(signal: FloatArray) -> FloatArray:
    """The signal times its own sigmoid."""
    return np.asarray(signal / (1.0 + np.exp(-signal)), np.float32)
