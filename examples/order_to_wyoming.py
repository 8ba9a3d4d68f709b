"""Sends what is said behind a wake word to a Wyoming recogniser alone (order-to-home-assistant: to a whole pipeline).

    pip install 'kwsd[wyoming]'
    kwsd --keywords wake.toml                                        # with listen = true on a keyword
    python examples/order_to_wyoming.py tcp://homeassistant.local:10300

The sound goes out while it is being said, so that the text is there soon after its end. An order that the recogniser
does not take is lost, which is told; the next one may do. A second argument is kwsd's socket, if it has its own.
"""

import asyncio
import sys
from contextlib import suppress
from pathlib import Path
from typing import Any

from wyoming.asr import Transcribe, Transcript
from wyoming.audio import AudioChunk, AudioStart, AudioStop
from wyoming.client import AsyncClient as WyomingClient

from kwsd.client import AsyncClient, KwsdError, pcm_of

RATE, WIDTH, CHANNELS = 16_000, 2, 1
CONNECT_S, TEXT_S = 5.0, 30.0


async def begun(address: str) -> WyomingClient:
    """A recogniser that waits for the sound of an order."""
    recogniser = WyomingClient.from_uri(address, CONNECT_S, TEXT_S)
    await recogniser.connect()
    await recogniser.write_event(Transcribe(language="en").event())
    await recogniser.write_event(AudioStart(RATE, WIDTH, CHANNELS).event())
    return recogniser


async def text_of(recogniser: WyomingClient) -> str:
    """What was said, now that it was all said."""
    await recogniser.write_event(AudioStop().event())
    while event := await recogniser.read_event():
        if Transcript.is_type(event.type):
            return Transcript.from_event(event).text
    raise ConnectionError("it hung up")


class Turn:
    """Of several microphones, whoever speaks first is heard to the end; the others are passed over meanwhile."""

    def __init__(self) -> None:
        self.order: tuple[str | None, float] | None = None
        self._passed: set[tuple[str | None, float]] = set()

    def takes(self, record: dict[str, Any]) -> bool:
        """Whether it is of the order whose turn it is."""
        order, is_sound = (record.get("source"), record["since"]), record["type"] == "audio"
        if self.order is None and is_sound and order not in self._passed:
            self.order = order
        takes = order == self.order
        if not is_sound:
            self._passed.discard(order)
            self.order = None if takes else self.order
        elif not takes:
            self._passed.add(order)
        return takes

    def give_up(self) -> None:
        """Pass over what is to come of this order."""
        self._passed |= {self.order} if self.order else set()
        self.order = None


async def recognise(address: str, socket: Path | None) -> None:
    """Print the text of every order, for ever."""
    recogniser: WyomingClient | None = None
    turn = Turn()
    async for record in AsyncClient(socket, types=["audio", "speech_end", "no_speech"]):
        try:
            if record["type"] == "dropped":
                if turn.order is not None:
                    raise ConnectionError("the daemon dropped some of its sound")
            elif not turn.takes(record):
                continue
            elif record["type"] == "audio":
                recogniser = recogniser or await begun(address)
                await recogniser.write_event(AudioChunk(RATE, WIDTH, CHANNELS, pcm_of(record)).event())
            elif recogniser is not None:
                if record["type"] == "speech_end":
                    print(await text_of(recogniser), flush=True)
                await recogniser.disconnect()
                recogniser = None
        except (OSError, EOFError, ValueError, TimeoutError) as error:
            print(f"{address}: {error or type(error).__name__}; this order is lost", file=sys.stderr, flush=True)
            recogniser = None
            turn.give_up()


if __name__ == "__main__":
    try:
        WyomingClient.from_uri(sys.argv[1])
    except (IndexError, ValueError) as error:
        sys.exit(f"{error}\nusage: python {sys.argv[0]} tcp://HOST:PORT [SOCKET]")
    with suppress(KeyboardInterrupt):
        try:
            asyncio.run(recognise(sys.argv[1], Path(sys.argv[2]) if len(sys.argv) > 2 else None))  # noqa: PLR2004
        except KwsdError as error:
            sys.exit(str(error))
