"""What waits for the decoding thread: in order, bounded, and gaps known by their place."""

import threading
from concurrent.futures import CancelledError
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kwsd.daemon.changes import NewKeywords
from kwsd.daemon.inbox import Inbox
from kwsd.stream import NO_SAMPLES, Chunk


def sound(start: int, count: int) -> Chunk:
    return Chunk(start, np.zeros(count, np.float32), "test")


@dataclass
class Replacing:
    """Takes compiled lists as a spotter does; a text is refused."""

    installed: list[Any] = field(default_factory=list)

    def replace(self, compiled: Any) -> None:
        if compiled == "no list":
            raise ValueError(compiled)
        self.installed.append(compiled)


@given(st.lists(st.integers(0, 500), max_size=40), st.integers(100, 1000))
def test_a_microphone_loses_the_oldest_and_no_keyword_list(sizes: list[int], limit: int) -> None:
    """However much comes before anything is taken: the newest sound is there, in order, and all the lists."""
    inbox, start = Inbox(limit, dropping=True), 0
    for number, size in enumerate(sizes):
        inbox.put(sound(start, size))
        inbox.put(NewKeywords(number))
        start += size
    waiting = inbox.waiting
    inbox.stop()
    items = list(inbox)
    chunks = [item for item in items if isinstance(item, Chunk) and len(item.samples)]
    assert [item.compiled for item in items if isinstance(item, NewKeywords)] == list(range(len(sizes)))
    assert waiting == sum(len(chunk.samples) for chunk in chunks) <= max(limit, *sizes, 0)
    assert all(one.end_sample == other.start_sample for one, other in pairwise(chunks))
    assert not chunks or chunks[-1].end_sample == start


def test_a_file_is_read_no_faster_than_it_is_heard() -> None:
    inbox, full = Inbox(100, dropping=False), threading.Event()

    def fill() -> None:
        for start in range(0, 1000, 100):
            inbox.put(sound(start, 100))
        full.set()
        inbox.stop()

    thread = threading.Thread(target=fill)
    thread.start()
    assert not full.wait(0.1)
    assert [item.start_sample for item in inbox if isinstance(item, Chunk)] == list(range(0, 1000, 100))
    thread.join(5)


def test_one_sign_of_life_is_enough() -> None:
    inbox = Inbox(100, dropping=True)
    for _ in range(1000):
        inbox.put(Chunk(0, NO_SAMPLES, ""))
    inbox.stop()
    assert len(list(inbox)) == 1


def test_discarding_ends_it_at_once_and_tells_how_much() -> None:
    inbox = Inbox(1000, dropping=False)
    for start in (0, 100, 200):
        inbox.put(sound(start, 100))
    assert inbox.discard() == 300
    assert list(inbox) == []
    inbox.put(sound(300, 5000))  # from a thread that has not heard of it: neither waits nor is kept
    assert inbox.waiting == 0


def test_a_list_that_was_given_up_never_comes_into_force() -> None:
    """What was reported as failed must not be heard for afterwards."""
    spotter, given_up, taken = Replacing(), NewKeywords(1), NewKeywords(2)
    assert given_up.done.cancel()
    given_up.install(spotter)
    taken.install(spotter)
    assert spotter.installed == [2]
    assert taken.done.result(0) is None
    with pytest.raises(CancelledError):
        given_up.done.result(0)


def test_a_list_that_cannot_be_installed_is_its_askers_error() -> None:
    refused = NewKeywords("no list")
    refused.install(Replacing())
    with pytest.raises(ValueError, match="no list"):
        refused.done.result(0)
