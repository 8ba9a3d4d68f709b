"""What waits for the decoding thread, in order: sound, what is to be changed, the end. Sound is bounded."""

import threading
from collections import deque
from collections.abc import Iterator

from kwsd.daemon.changes import HearingChange
from kwsd.stream import Chunk


class Stop:
    """Nothing more comes."""


class Inbox:
    """At most `limit` samples wait. With `dropping`, for a microphone, more make the oldest go; else `put` waits."""

    def __init__(self, limit: int, *, dropping: bool) -> None:
        self.waiting = 0
        """Samples that wait to be decoded."""
        self._limit = limit
        self._dropping = dropping
        self._items: deque[Chunk | HearingChange | Stop] = deque()
        self._stopped = False
        self._changed = threading.Condition()

    def put(self, item: Chunk | HearingChange) -> None:
        """The next item. A chunk without samples is a sign of life, of which one is enough."""
        with self._changed:
            if isinstance(item, Chunk):
                if not self._dropping:
                    self._changed.wait_for(lambda: self._stopped or self.waiting < self._limit)
                last = self._items[-1] if self._items else None
                if not len(item.samples) and isinstance(last, Chunk) and not len(last.samples):
                    return
            if self._stopped:
                return
            self._items.append(item)
            if isinstance(item, Chunk):
                self.waiting += len(item.samples)
                while self._dropping and self.waiting > max(self._limit, len(item.samples)):
                    sounds = ((place, each) for place, each in enumerate(self._items) if isinstance(each, Chunk))
                    place, oldest = next((place, chunk) for place, chunk in sounds if len(chunk.samples))
                    self.waiting -= len(oldest.samples)
                    del self._items[place]  # the gap shows in the `start_sample` of what comes after it
            self._changed.notify_all()

    def stop(self) -> None:
        """Nothing more comes; what waits is taken first."""
        with self._changed:
            if not self._stopped:
                self._stopped = True
                self._items.append(Stop())
            self._changed.notify_all()

    def discard(self) -> int:
        """Stop now; the samples that nobody will hear any more."""
        self.stop()
        with self._changed:
            dropped, self.waiting = self.waiting, 0
            self._items = deque([Stop()])
            self._changed.notify_all()
        return dropped

    def __iter__(self) -> Iterator[Chunk | HearingChange]:
        """Items, as they come, until the end."""
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._items)
                item = self._items.popleft()
                if isinstance(item, Stop):
                    return
                if isinstance(item, Chunk):
                    self.waiting -= len(item.samples)
                self._changed.notify_all()
            yield item
