"""What a compact graph (`kwsd.models.compact`) remembers of streams: caches that come out as old rows and new ones.

The next call takes the last rows of what the last one gave, as a view: nothing is copied for a stream alone, nor for
several that stay together.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from kwsd.acoustic.caches import reach_of
from kwsd.stream import Float32

INNER_FRAMES = 2  # of 20 ms, per frame of 40 ms
UNSEEN = -1000.0  # added to the scores of keys that a young stream has not heard


@dataclass(frozen=True, slots=True)
class CompactState:
    """A stream's part of what the last call gave."""

    heard: int
    """Inner frames since the state was made."""
    group: tuple[Float32, ...]
    """Caches of all streams of that call."""
    place: int
    """Which of them this stream was …"""
    streams: int
    """… of how many."""


class CompactCaches:
    """A `CacheLayout`. Rows of the graph are (frame, stream): in a cache of two axes the streams lie side by side."""

    stacks = True

    def __init__(self, inputs: Sequence[Any], heads: Sequence[int], output_frames: int) -> None:
        """`inputs` of the graph behind `x`; `heads` of each stack of layers."""
        masks = [entry for entry in inputs if entry.name.startswith("mask_")]
        self._masks = [(entry.name, entry.shape[2], head) for entry, head in zip(masks, heads, strict=True)]
        self._chunk = INNER_FRAMES * output_frames
        self._keys = self._masks[0][1]
        self._caches = [
            (entry.name, int(entry.shape[0].rpartition("*")[0] or 1), entry.shape[1:])
            for entry in inputs
            if not entry.name.startswith("mask_")
        ]
        """Name, rows that a stream has in it, shape of a row."""
        self.reach = reach_of(
            [rows for name, rows, _ in self._caches if name.startswith("key_")],
            [rows for name, rows, _ in self._caches if name.startswith("conv")],
        )
        self._open_masks: dict[int, dict[str, Float32]] = {}  # by number of streams, for those that have heard enough

    def initial(self) -> CompactState:
        """A stream that has heard nothing: zeros, which the masks know to be absent."""
        group = [np.zeros((rows, *shape), np.float32) for _, rows, shape in self._caches]
        return CompactState(0, tuple(group), 0, 1)

    def feeds(self, states: Sequence[CompactState]) -> dict[str, NDArray[Any]]:
        """Caches by name, and the masks of what is in them."""
        first, count = states[0], len(states)
        together = count == first.streams and all(
            state.group is first.group and state.place == place for place, state in enumerate(states)
        )
        feeds: dict[str, NDArray[Any]] = {}
        for number, (name, rows, shape) in enumerate(self._caches):
            if together:
                feeds[name] = first.group[number][-rows * count :]
                continue
            own = [
                state.group[number][-rows * state.streams :].reshape(rows, state.streams, *shape)[:, state.place]
                for state in states
            ]
            feeds[name] = np.stack(own, axis=1).reshape(-1, *shape)
        return feeds | self._visible([state.heard for state in states])

    def _visible(self, heard: list[int]) -> dict[str, Float32]:
        """What is added to the scores of each stack: (streams * heads, 1, keys)."""
        left, count = self._keys - self._chunk, len(heard)
        if min(heard) >= left and count in self._open_masks:
            return self._open_masks[count]
        masks = {}
        for name, keys, heads in self._masks:
            factor = self._keys // keys
            age = np.arange(left // factor, 0, -1) * factor
            mask = np.zeros((count, keys), np.float32)
            mask[:, : len(age)] = np.where(age <= np.array(heard)[:, None], 0.0, UNSEEN)
            masks[name] = np.repeat(mask, heads, axis=0)[:, None]
        if min(heard) >= left:
            self._open_masks[count] = masks
        return masks

    def split(self, outputs: Sequence[NDArray[Any]], states: Sequence[CompactState]) -> list[CompactState]:
        """The states after, in the same order."""
        group, left = tuple(outputs), self._keys - self._chunk
        return [
            CompactState(min(state.heard + self._chunk, left), group, place, len(states))
            for place, state in enumerate(states)
        ]

    def frames(self, encoder_out: Float32, streams: int) -> Sequence[Float32]:
        """Each stream's frames (8, C) of the graph's (8 * streams, C)."""
        apart = encoder_out.reshape(-1, streams, encoder_out.shape[1])
        return [apart[:, place] for place in range(streams)]
