"""The face of whatever looks at the sound that passes, and at what is told of it."""

from collections.abc import Iterable, Sequence
from typing import Protocol

from kwsd.events import Event
from kwsd.stream import Chunk


class Watch(Protocol):
    """Of one stream. The decoding thread calls it."""

    def push(self, chunk: Chunk, told: Sequence[Event], /) -> Iterable[Event]:
        """The next sound, and what the spotter told of it → what else there is to tell. Sound that ends is empty."""
        ...
