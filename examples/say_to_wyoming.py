"""Sends a recording to a Wyoming wake service, as Home Assistant and its satellites send a room, and prints what wakes.

    pip install 'kwsd[wyoming]'
    python examples/say_to_wyoming.py models/demo.wav tcp://127.0.0.1:10400

For when Home Assistant does not wake: what wakes here is heard, and the rest is settings there.
"""

import asyncio
import sys
from contextlib import suppress

import soundfile
from wyoming.audio import AudioChunk, AudioStart, AudioStop
from wyoming.client import AsyncClient
from wyoming.wake import Detection, NotDetected

RATE, WIDTH, CHANNELS, CHUNK = 16_000, 2, 1, 1600
PATIENCE_S = 4.0  # after which it is taken to have said all; so long it may take to be there, three times over


async def connected(address: str) -> AsyncClient:
    """A client of the service, which may be just starting."""
    async with asyncio.timeout(3 * PATIENCE_S):
        while True:
            client = AsyncClient.from_uri(address)
            try:
                await client.connect()
            except ConnectionRefusedError:
                await asyncio.sleep(0.1)
            else:
                return client


async def say(path: str, address: str) -> None:
    """Print every detection, with its time in the recording."""
    sound, rate = soundfile.read(path, dtype="int16")
    if (rate, sound.ndim) != (RATE, CHANNELS):
        sys.exit(f"{path}: {rate} Hz; this example sends one channel of {RATE} Hz")
    client = await connected(address)
    telling = asyncio.create_task(tell(client))
    await client.write_event(AudioStart(RATE, WIDTH, CHANNELS, timestamp=0).event())
    for start in range(0, len(sound), CHUNK):
        pcm = sound[start : start + CHUNK].tobytes()
        await client.write_event(AudioChunk(RATE, WIDTH, CHANNELS, pcm, timestamp=start * 1000 // RATE).event())
    await client.write_event(AudioStop().event())
    await telling


async def tell(client: AsyncClient) -> None:
    """Print what wakes, until the service has heard all, or said nothing for some seconds."""
    with suppress(TimeoutError):
        while event := await asyncio.wait_for(client.read_event(), PATIENCE_S):
            if Detection.is_type(event.type):
                detection = Detection.from_event(event)
                print(f"{(detection.timestamp or 0) / 1000:8.2f} s  {detection.name}", flush=True)
            elif NotDetected.is_type(event.type):
                return


if __name__ == "__main__":
    asyncio.run(say(sys.argv[1], sys.argv[2]))
