"""What a compact graph (`kwsd.models.compact`) remembers of streams: caches that come out as old rows and new ones.

The next call takes the last rows of what the last one gave, as a view: nothing is copied for a stream alone, nor for
several that stay together. For a stream alone even the places stay the same, and nothing is made anew.
"""

from __future__ import annotations

import weakref
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from kwsd.acoustic.caches import reach_of
from kwsd.quick_dataclass import dataclass
from kwsd.stream import Float32

INNER_FRAMES = 2  # of 20 ms, per frame of 40 ms
UNSEEN = -1000.0  # added to the scores of keys that a young stream has not heard


def rows_of(entry: Any) -> int:
    """Rows that one stream has in an input or output of the graph, whose first axis is called `16*streams`."""
    return int(entry.shape[0].rpartition("*")[0] or 1)


@dataclass(frozen=True, slots=True, weakref_slot=True, eq=False)
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
    turns: Turns | None = None
    """Where the next call goes on, of a stream that was heard alone."""


class Turns:
    """Two sets of a stream's caches of which each call reads one and writes the other, named to onnxruntime once.

    Making, naming and freeing 130 arrays a call took an eighth of kwsd-en's encoder.
    """

    def __init__(self, session: Any, caches: CompactCaches, group: Sequence[Float32], shape: tuple[int, ...]) -> None:
        """Go on from the caches of a stream that is heard alone; `shape` is that of a segment."""
        first, *names = session.get_outputs()
        self._session, self._caches = session, caches
        self._masks = {name: mask.copy() for name, mask in caches.visible([0]).items()}
        self._masks_are_open = False
        whole = [np.empty((rows_of(entry), *entry.shape[1:]), np.float32) for entry in names]
        self._sets = tuple(whole), tuple(map(np.empty_like, whole))
        for cache, kept in zip(caches.tails(whole).values(), caches.tails(group).values(), strict=True):
            cache[:] = kept
        self._states: list[weakref.ref[CompactState] | None] = [None, None]
        self._segment = np.empty((1, *shape), np.float32)
        self._frames = np.empty((caches.output_frames, first.shape[-1]), np.float32)
        self._bindings = []
        for read, written in (self._sets, self._sets[::-1]):
            binding = session.io_binding()
            inputs = {"x": self._segment} | self._masks | caches.tails(read)
            outputs = {entry.name: cache for entry, cache in zip(names, written, strict=True)}
            for bind, arrays in (
                (binding.bind_input, inputs),
                (binding.bind_output, {first.name: self._frames} | outputs),
            ):
                for name, array in arrays.items():
                    bind(name, "cpu", 0, np.float32, array.shape, array.__array_interface__["data"][0])
            self._bindings.append(binding)

    def run(self, segment: Float32, state: CompactState) -> tuple[Float32, CompactState] | None:
        """Frames (8, C) and the state after `state`; None where a state is still held that would be written over."""
        here = int(state.group is self._sets[1])
        there = self._states[1 - here]
        if there is not None and there() is not None:
            return None
        self._segment[0] = segment
        if not self._masks_are_open or state.heard < self._caches.left:
            for name, mask in self._caches.visible([state.heard]).items():
                self._masks[name][:] = mask
            self._masks_are_open = state.heard >= self._caches.left
        self._session.run_with_iobinding(self._bindings[here])
        after = CompactState(self._caches.heard_after(state), self._sets[1 - here], 0, 1, self)
        self._states[1 - here] = weakref.ref(after)
        return self._frames.copy(), after


class CompactCaches:
    """A `CacheLayout`. Rows of the graph are (frame, stream): in a cache of two axes the streams lie side by side."""

    stacks = True

    def __init__(self, inputs: Sequence[Any], heads: Sequence[int], output_frames: int) -> None:
        """`inputs` of the graph behind `x`; `heads` of each stack of layers."""
        masks = [entry for entry in inputs if entry.name.startswith("mask_")]
        self._masks = [(entry.name, entry.shape[2], head) for entry, head in zip(masks, heads, strict=True)]
        self.output_frames = output_frames
        """Of a call and a stream."""
        self._chunk = INNER_FRAMES * output_frames
        self._keys = int(self._masks[0][1])
        self.left: int = self._keys - self._chunk
        """Inner frames after which nothing is hidden from a stream."""
        self._caches = [
            (entry.name, rows_of(entry), entry.shape[1:]) for entry in inputs if not entry.name.startswith("mask_")
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

    def heard_after(self, state: CompactState) -> int:
        """Inner frames that a stream has heard when the next call is over, as far as it matters."""
        return min(state.heard + self._chunk, self.left)

    def tails(self, group: Sequence[Float32]) -> dict[str, Float32]:
        """Of a stream alone: the last rows of what a call gave, which the next one takes, by name."""
        return {name: cache[-rows:] for (name, rows, _), cache in zip(self._caches, group, strict=True)}

    def in_place(self, session: Any, segment: Float32, state: CompactState) -> tuple[Float32, CompactState] | None:
        """Hear a segment where the stream's caches lie; None unless it is alone."""
        if state.streams > 1:
            return None
        return (state.turns or Turns(session, self, state.group, segment.shape)).run(segment, state)

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
        return feeds | self.visible([state.heard for state in states])

    def visible(self, heard: list[int]) -> dict[str, Float32]:
        """What is added to the scores of each stack: (streams * heads, 1, keys). Not to be written to."""
        left, count = self.left, len(heard)
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
        group = tuple(outputs)
        return [CompactState(self.heard_after(state), group, place, len(states)) for place, state in enumerate(states)]

    def frames(self, encoder_out: Float32, streams: int) -> Sequence[Float32]:
        """Each stream's frames (8, C) of the graph's (8 * streams, C)."""
        apart = encoder_out.reshape(-1, streams, encoder_out.shape[1])
        return [apart[:, place] for place in range(streams)]
