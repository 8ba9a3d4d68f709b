"""Sends what is said behind a wake word to a Wyoming speech recogniser, as Home Assistant's pipeline has one.

    pip install 'kwsd[wyoming]'
    kwsd --keywords wake.toml                                        # with listen = true on a keyword
    python examples/order_to_wyoming.py tcp://homeassistant.local:10300

The sound goes out while it is being said, so that the text is there soon after its end.
"""

import asyncio
import sys
from pathlib import Path

from wyoming.asr import Transcribe, Transcript
from wyoming.audio import AudioChunk, AudioStart, AudioStop
from wyoming.client import AsyncClient as WyomingClient

from kwsd.client import AsyncClient, pcm_of

RATE, WIDTH, CHANNELS = 16_000, 2, 1


async def recognise(address: str, socket: Path | None) -> None:
    """Print the text of every order, for ever."""
    recogniser: WyomingClient | None = None
    async for record in AsyncClient(socket, types=["audio", "speech_end", "no_speech"]):
        if record["type"] == "audio":
            if recogniser is None:
                recogniser = WyomingClient.from_uri(address)
                await recogniser.connect()
                await recogniser.write_event(Transcribe(language="en").event())
                await recogniser.write_event(AudioStart(RATE, WIDTH, CHANNELS).event())
            await recogniser.write_event(AudioChunk(RATE, WIDTH, CHANNELS, pcm_of(record)).event())
        elif recogniser is not None:
            if record["type"] == "speech_end":
                await recogniser.write_event(AudioStop().event())
                while (event := await recogniser.read_event()) and not Transcript.is_type(event.type):
                    pass
                if event is not None:
                    print(Transcript.from_event(event).text, flush=True)
            await recogniser.disconnect()
            recogniser = None


if __name__ == "__main__":
    asyncio.run(recognise(sys.argv[1], Path(sys.argv[2]) if len(sys.argv) > 2 else None))  # noqa: PLR2004
