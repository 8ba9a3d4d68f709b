"""One order that the daemon is asked to listen for: what is told of it, and its sound."""

import base64
from collections.abc import Generator, Mapping
from contextlib import closing
from typing import Any

from kwsd.orders import Audio, NoSpeech, SpeechEnd, SpeechStart
from kwsd.protocol.connection import DaemonConnection, Record


def pcm_of(record: Record) -> bytes:
    """The sound in an `audio` record: raw s16le, 16 kHz, one channel."""
    return base64.b64decode(record["pcm"])


def begin_listening(connection: DaemonConnection, settings: Mapping[str, Any]) -> Generator[Record, None, None]:
    """Have the daemon listen; what is told of that order then. The connection is hung up on at last.

    Raises KwsdError: the daemon refuses.
    """
    try:
        connection.subscribe(types=[SpeechStart.type, SpeechEnd.type, NoSpeech.type, Audio.type])
        since = connection.ask("listen", **settings)["since"]
    except BaseException:
        connection.close()
        raise
    return records_of((settings.get("source", ""), since), connection)


def records_of(order: tuple[object, float], connection: DaemonConnection) -> Generator[Record, None, None]:
    """What is told of one order, by its source and where listening began, up to its end; hangs up at last."""
    with closing(connection):
        for record in connection.records():
            if (record.get("source", ""), record.get("since")) == order:
                yield record
                if record["type"] in {SpeechEnd.type, NoSpeech.type}:
                    return
