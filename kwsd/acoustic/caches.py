"""What an encoder remembers of a stream between calls, as icefall's streaming export lays it out."""

from collections.abc import Sequence
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from kwsd.stream import Float32

State = Any
"""The caches of one stream; only the layout that made it knows what is in it."""

DTYPES = {"tensor(float)": np.float32, "tensor(int64)": np.int64, "tensor(int32)": np.int32}


class CacheLayout(Protocol):
    """How a graph takes and returns the caches of streams. Immutable, as the encoder is."""

    stacks: bool
    """Whether one call may hear several streams, and each then gives what it would give alone."""

    reach: int
    """Frames of 20 ms before a segment beyond which no sound makes a difference to what comes of it."""

    def initial(self) -> State:
        """Of a stream that has heard nothing."""
        ...

    def in_place(self, session: Any, segment: Float32, state: State) -> tuple[Float32, State] | None:
        """Hear a segment (T, 80) of one stream without making anything anew; None where that cannot be."""
        ...

    def feeds(self, states: Sequence[State]) -> dict[str, NDArray[Any]]:
        """States of the streams of one call → inputs of the graph beside `x`."""
        ...

    def split(self, outputs: Sequence[NDArray[Any]], states: Sequence[State]) -> list[State]:
        """Outputs of the graph behind `encoder_out`, and the states before → the states after, in the same order."""
        ...

    def frames(self, encoder_out: NDArray[np.float32], streams: int) -> Sequence[NDArray[np.float32]]:
        """The graph's `encoder_out` → frames (8, C) of each stream."""
        ...


def reach_of(lefts: Sequence[int], convolutions: Sequence[int]) -> int:
    """What layers, one on the other, see of the past: by the length of their caches of keys and of both convolutions.

    In frames of 20 ms. A layer attends three times over the same stretch (twice to values, once in the gate between).
    """
    stretch = max(lefts)
    rates = [stretch // left for left in lefts for _ in range(2)]
    return 3 * stretch * len(lefts) + sum(rate * rows for rate, rows in zip(rates, convolutions, strict=True))


class IcefallCaches:
    """The graph takes every cache and returns it whole, under the name `new_…`, in the same order.

    Where the axis of the streams lies differs between caches; a graph that can hear several has a name for its size.
    """

    def __init__(self, inputs: Sequence[Any], *, stacks: bool) -> None:
        """`inputs` of the graph behind `x`; `stacks` unless something in the graph looks at all streams together."""
        self._inputs = tuple(inputs)
        named = [[axis for axis, size in enumerate(entry.shape) if not isinstance(size, int)] for entry in self._inputs]
        self._axes = [axes[0] if axes else 0 for axes in named]
        self.stacks = stacks and all(named)
        self.reach = reach_of(
            [entry.shape[0] for entry in self._inputs if "key" in entry.name],
            [entry.shape[-1] for entry in self._inputs if "conv" in entry.name],
        )

    @staticmethod
    def fits(inputs: Sequence[Any], outputs: Sequence[Any]) -> bool:
        """Whether a graph's inputs and outputs are laid out so."""
        caches = [f"new_{entry.name}" for entry in inputs[1:]]
        return inputs[0].name == "x" and [entry.name for entry in outputs] == ["encoder_out", *caches]

    def initial(self) -> State:
        """Zeros, which the attention mask knows to be absent."""
        return tuple(
            np.zeros([size if isinstance(size, int) else 1 for size in entry.shape], DTYPES[entry.type])
            for entry in self._inputs
        )

    def in_place(self, session: Any, segment: Float32, state: State) -> tuple[Float32, State] | None:  # noqa: ARG002
        """Nowhere: an export gives its caches whole."""
        return None

    def feeds(self, states: Sequence[State]) -> dict[str, NDArray[Any]]:
        """Every cache by its name, those of several streams side by side."""
        if len(states) == 1:
            return {entry.name: cache for entry, cache in zip(self._inputs, states[0], strict=True)}
        return {
            entry.name: np.concatenate([state[number] for state in states], axis=self._axes[number])
            for number, entry in enumerate(self._inputs)
        }

    def split(self, outputs: Sequence[NDArray[Any]], states: Sequence[State]) -> list[State]:
        """Each stream's part of every cache."""
        if len(states) == 1:
            return [tuple(outputs)]
        before = [(slice(None),) * axis for axis in self._axes]  # np.split costs as much as a small encoder
        return [
            tuple(cache[*axes, number : number + 1] for cache, axes in zip(outputs, before, strict=True))
            for number in range(len(states))
        ]

    def frames(self, encoder_out: NDArray[np.float32], streams: int) -> Sequence[NDArray[np.float32]]:
        """The graph's (streams, 8, C) as it is."""
        return [encoder_out[place] for place in range(streams)]
