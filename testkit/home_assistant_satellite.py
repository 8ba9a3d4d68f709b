"""Beside a real Home Assistant of ../shared/peers: it takes a satellite in, and is given one order by it.

    RIG/bin/python -P testkit/home_assistant_satellite.py SHARED/peers/home_assistant HOST:PORT ORDER.pcm

Adds the satellite as a person does, with an assistant whose speech to text always hears the same. Says, as JSON lines,
`ready` when Home Assistant has taken it in, and whatever it complains about; writes the sound that its speech to text
was sent. Knows nothing of kwsd: it is run by the rig's Python.
"""

import asyncio
import importlib
import sys
from pathlib import Path
from typing import Any

ORDER_TRIES = 1200


async def main(rig: Path, address: str, order: Path) -> int:
    """The exit code."""
    sys.path.insert(0, str(rig))
    home_assistant: Any = importlib.import_module("ha")
    fake_asr: Any = importlib.import_module("fake_asr")
    port = home_assistant.free_port()
    utterances = await fake_asr.start(port)
    async with home_assistant.running() as home:
        asr = await home.add_entry("wyoming", [{"host": "127.0.0.1", "port": port}])
        engine = await home.entity(asr["entry_id"], "stt")
        pipeline = await home.ask(
            "assist_pipeline/pipeline/create",
            name="rig",
            language="en",
            conversation_engine="conversation.home_assistant",
            conversation_language="en",
            stt_engine=engine,
            stt_language="en",
            tts_engine=None,
            tts_language=None,
            tts_voice=None,
            wake_word_entity=None,
            wake_word_id=None,
        )
        await home.ask("assist_pipeline/pipeline/set_preferred", pipeline_id=pipeline["id"])
        host, _, number = address.rpartition(":")
        added = await home.add_entry("wyoming", [{"host": host, "port": int(number)}])
        await home.entity(added["entry_id"], "assist_satellite")
        home_assistant.say(type="ready")
        for _ in range(ORDER_TRIES):
            if utterances:
                await asyncio.to_thread(order.write_bytes, utterances[0])
                break
            await asyncio.sleep(0.1)
        await asyncio.sleep(1.0)  # the rest of its pipeline
        for line in home.complaints():
            home_assistant.say(type="complaint", line=line)
    return 0


if __name__ == "__main__":
    sys.exit(asyncio.run(main(Path(sys.argv[1]), sys.argv[2], Path(sys.argv[3]))))
