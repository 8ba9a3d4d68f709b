"""Sends what is said behind a wake word to a Wyoming speech recogniser, as Home Assistant's pipeline has one.

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


async def recognise(address: str, socket: Path | None) -> None:
    """Print the text of every order, for ever."""
    recogniser: WyomingClient | None = None
    since = None
    async for record in AsyncClient(socket, types=["audio", "speech_end", "no_speech"]):
        try:
            if record["type"] == "audio" and record["since"] != since:  # an order begins
                since = record["since"]
                recogniser = await begun(address)
            if recogniser is None or record["since"] != since:
                continue
            if record["type"] == "audio":
                await recogniser.write_event(AudioChunk(RATE, WIDTH, CHANNELS, pcm_of(record)).event())
                continue
            if record["type"] == "speech_end":
                print(await text_of(recogniser), flush=True)
            await recogniser.disconnect()
        except (OSError, EOFError, ValueError, TimeoutError) as error:
            print(f"{address}: {error or type(error).__name__}; this order is lost", file=sys.stderr, flush=True)
        recogniser = None


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
