"""What the file with the sound of an event is called, known as soon as the event is."""

import re
from collections.abc import Mapping
from typing import Any

from kwsd.events import NearMiss

LONGEST_WORD_BYTES = 120
"""Of a keyword in the name, of which a file system takes 255."""

IS_CLIP = re.compile(r"\d{8}T\d{6}(\.\d+)?Z-(m?\d+|order)-.+\.wav", re.DOTALL)
"""What `clip_name` gives, so that what somebody else put beside it is told from it."""


def clip_name(event: Mapping[str, Any]) -> str:
    """Such as `20261121T081502.123Z-17-lights_on.wav`: sorts by time, and is safe whatever the keyword is called.

    `event` is a detection or near miss as its fields; a near miss has an m before its number, as `kwsctl why` calls it.
    """
    stamp = event["time"].replace("-", "").replace(":", "").replace("+0000", "Z")
    word = "".join(letter if letter.isalnum() else "_" for letter in event["keyword"].lower())
    short = word.encode(errors="replace")[:LONGEST_WORD_BYTES].decode(errors="ignore")
    mark = "m" if event["type"] == NearMiss.type else ""
    return f"{stamp}-{mark}{event['id']}-{short}.wav"
