"""How a word sounds that no dictionary has, read as a whole: a small recurrent network over its letters.

Two layers of gated recurrent units (Cho et al. 2014, arXiv:1406.1078) read the letters forwards and backwards; what
each letter sounds like is told by them and by the sounds of the two letters before it, and the likeliest words are
found by a beam (after Yao and Zweig 2015, arXiv:1506.00196, with letters aligned as in `kwsd.text.letter_sounds`). It
takes a few milliseconds for a word, and so is asked only about those that the tree was not grown from.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from hashlib import sha256
from io import BytesIO
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from kwsd.errors import ModelError
from kwsd.small_files import read_small
from kwsd.text.known_words import KnownWords
from kwsd.text.letter_sounds import SILENT, Sound

LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ'"
SCALE = ".scale"
LARGEST = 127
SOUNDS = "sounds"
FORWARDS, BACKWARDS = ("forwards1", "forwards2"), ("backwards1", "backwards2")
BEAM = 8
UNLIKELY_NATS = 4.0  # a reading this much less likely than the first is none

Floats = NDArray[np.float32]


@dataclass(frozen=True)
class LetterWeights:
    """What the file holds. Of H units and S sounds, among them the one before a word begins, which is the first."""

    sounds: tuple[Sound, ...]
    arrays: Mapping[str, Floats]
    """Per layer NAME: `NAME.input` (27 or 2H, 3H), `NAME.bias` (3H,), `NAME.recurrent` (H, 3H), `NAME.hidden_bias`
    (H,), gates in PyTorch's order; then `joint` (2H, H), `joint_bias` (H,), `last` and `last_but_one` (S, H), `output`
    (H, S), `output_bias` (S,)."""

    def read(self, word: str) -> list[tuple[float, Sound]]:
        """Readings of a word of LETTERS with their log probabilities, the likeliest first."""
        arrays = self.arrays
        beam: dict[tuple[int, int, Sound], float] = {(0, 0, ()): 0.0}
        for letter in self._joint(word):
            last, last_but_one, _ = (list(each) for each in zip(*beam, strict=True))
            seen = np.tanh(letter + arrays["last"][last] + arrays["last_but_one"][last_but_one])
            scores = seen @ arrays["output"] + arrays["output_bias"]
            log_probs = scores - np.logaddexp.reduce(scores, axis=1, keepdims=True)
            grown: dict[tuple[int, int, Sound], float] = {}
            for ((before, _, phones), total), row in zip(beam.items(), log_probs, strict=True):
                for number in np.argsort(-row)[:BEAM].tolist():
                    state = (number, before, (*phones, *self.sounds[number]))
                    grown[state] = np.logaddexp(grown.get(state, -np.inf), total + row[number])
            beam = dict(sorted(grown.items(), key=lambda each: -each[1])[:BEAM])
        whole: dict[Sound, float] = {}
        for (_, _, phones), total in beam.items():
            whole[phones] = float(np.logaddexp(whole.get(phones, -np.inf), total))
        return sorted(((total, phones) for phones, total in whole.items() if phones), reverse=True)

    def _joint(self, word: str) -> Floats:
        """What is known of each letter before any sound is: (letters, H)."""
        inputs = np.eye(len(LETTERS), dtype=np.float32)[[LETTERS.index(letter) for letter in word]]
        for one, other in zip(FORWARDS, BACKWARDS, strict=True):
            inputs = np.hstack([self._layer(one, inputs), self._layer(other, inputs[::-1])[::-1]])
        joint: Floats = inputs @ self.arrays["joint"] + self.arrays["joint_bias"]
        return joint

    def _layer(self, name: str, inputs: Floats) -> Floats:
        recurrent, hidden_bias = self.arrays[f"{name}.recurrent"], self.arrays[f"{name}.hidden_bias"]
        given, size = inputs @ self.arrays[f"{name}.input"] + self.arrays[f"{name}.bias"], len(hidden_bias)
        state, states = np.zeros(size, np.float32), []
        for each in given:
            before = state @ recurrent
            reset, keep = np.split(1 / (1 + np.exp(-(each[: 2 * size] + before[: 2 * size]))), 2)
            new = np.tanh(each[2 * size :] + reset * (before[2 * size :] + hidden_bias))
            state = new + keep * (state - new)
            states.append(state)
        return np.array(states)

    def write(self, path: Path) -> None:
        """Store it: matrices as bytes with a scale for each column, vectors in half precision."""
        stored: dict[str, NDArray[Any]] = {SOUNDS: np.array(["_".join(sound) or SILENT for sound in self.sounds])}
        for name, values in self.arrays.items():
            if values.ndim == 1:
                stored[name] = values.astype(np.float16)
                continue
            scale = np.abs(values).max(axis=0) / LARGEST
            stored[name], stored[name + SCALE] = np.round(values / scale).astype(np.int8), scale
        np.savez_compressed(path, allow_pickle=False, **stored)

    @classmethod
    def read_from(cls, content: bytes) -> Self:
        """What `write` stored. Raises ValueError or what NumPy raises: it is damaged."""
        with np.load(BytesIO(content), allow_pickle=False) as stored:
            held = {name: stored[name] for name in stored.files}
        names = [str(name) for name in held.pop(SOUNDS)]
        arrays = {
            name: values.astype(np.float32) * held.get(name + SCALE, np.float32(1.0))
            for name, values in held.items()
            if not name.endswith(SCALE)
        }
        return cls(tuple(() if name == SILENT else tuple(name.split("_")) for name in names), arrays)


@dataclass(frozen=True)
class LetterNetwork:
    """The network of a model directory, which is read when the first word asks for it."""

    path: Path
    known: KnownWords
    """Of the dictionary, which reads them better itself."""

    def readings(self, word: str, most: int) -> tuple[Sound, ...]:
        """The phones of a word of capitals and apostrophes in at most `most` ways, the likeliest first.

        None where all letters are silent. Raises ModelError: the file is missing or broken.
        """
        found = self._weights.read(word)
        return tuple(phones for total, phones in found[:most] if total > found[0][0] - UNLIKELY_NATS)

    @property
    def fingerprint(self) -> str:
        """Of both. Raises ModelError: it cannot be read."""
        return sha256(self.known.bits + self._content()).hexdigest()

    def _content(self) -> bytes:
        try:
            return read_small(self.path)
        except OSError as error:
            raise ModelError(f"{self.path}: cannot be read ({error}); fetch the model again") from error

    @cached_property
    def _weights(self) -> LetterWeights:
        try:
            weights = LetterWeights.read_from(self._content())
            weights.read(LETTERS)  # all that does not fit together shows here
        except ModelError:
            raise
        except Exception as error:  # at wrong bits zipfile, its decompressors and NumPy raise nearly anything
            raise ModelError(f"{self.path}: is no network of letters ({error}); fetch the model again") from error
        return weights
