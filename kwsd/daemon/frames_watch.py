"""What the encoder makes of the sound, for whoever gathers it."""

from collections.abc import Iterator, Sequence

from kwsd.events import Event
from kwsd.outlets.interface import Publisher
from kwsd.spotters.interface import Spotter
from kwsd.stream import Chunk
from kwsd.told_frames import EncoderFrames


class FramesWatch:
    """Passes on what a spotter searched after each chunk. On the decoding thread."""

    def __init__(self, bus: Publisher, spotter: Spotter) -> None:
        self._bus = bus
        self._spotter = spotter

    def push(self, chunk: Chunk, _told: Sequence[Event]) -> Iterator[Event]:
        """The frames of the last chunk, if somebody wants them; none where no sound came."""
        if len(chunk.samples) and self._bus.wants(EncoderFrames.type):
            for frames in self._spotter.frames:
                yield EncoderFrames.of(frames, self._spotter.weights)
