"""A process of its own that reads what comes to many subscribers, and notes how old each event was when it came.

    python crowd_readers.py SOCKET SUBSCRIBERS EVENTS

It prints `ready` when all are connected; when each has got so many events, or none comes for five seconds, a JSON list
of ages in milliseconds. In between it does nothing else, so that it makes nothing late itself.
"""

import json
import selectors
import socket
import sys
import time
from datetime import datetime

GIVES_UP_S = 5.0

Piece = tuple[int, float, bytes]
"""Subscriber, wall clock in seconds, what came."""


def main(path: str, subscribers: int, events: int) -> None:
    """All of it."""
    selector = selectors.DefaultSelector()
    for number in range(subscribers):
        connection = socket.socket(socket.AF_UNIX)
        connection.connect(path)
        hello = b""
        while not hello.endswith(b"\n"):
            hello += connection.recv(65536)
        selector.register(connection, selectors.EVENT_READ, number)
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    sys.stdout.write(json.dumps(ages_ms(collect(selector, subscribers * events), subscribers)))


def collect(selector: selectors.BaseSelector, wanted: int) -> list[Piece]:
    """Everything until there are so many lines."""
    pieces: list[Piece] = []
    while wanted > 0 and (ready := selector.select(GIVES_UP_S)):
        for key, _ in ready:
            assert isinstance(key.fileobj, socket.socket)
            data = key.fileobj.recv(65536)
            pieces.append((key.data, time.time(), data))
            wanted -= data.count(b"\n")
    return pieces


def ages_ms(pieces: list[Piece], subscribers: int) -> list[float]:
    """Of every event, when its last byte came."""
    ages: list[float] = []
    rests = [b""] * subscribers
    for number, came_s, data in pieces:
        *lines, rests[number] = (rests[number] + data).split(b"\n")
        ages += [1000 * (came_s - datetime.fromisoformat(json.loads(line)["time"]).timestamp()) for line in lines]
    return ages


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]))
