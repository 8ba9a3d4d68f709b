"""How long an event takes from the daemon's socket to a subscriber of a real mosquitto, by way of `kwsd-mqtt`."""

import asyncio
import json
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

from kwsd.events import Detection
from kwsd.protocol.messages import Hello, Listened, Microphone
from testkit.broker import MqttListener, bridging, running_broker

EVENTS = 300
RUNS = 3

HELLO = Hello(
    version="0",
    model="m",
    keywords=("a",),
    microphone=Microphone(name="m", open=True),
    state="listening",
    degraded=False,
    source=Listened(kind="microphone", name="m"),
)
HEARD: dict[str, Any] = {"keyword": "a", "phrase": "a", "start": 0, "end": 0, "score": 1, "min_score": 1}
STATUS = {**HELLO.fields(), "waiting_because": "", "degraded_because": ""}


async def play_daemon(socket: Path, events: int) -> None:
    """A socket that tells of a detection 20 times a second."""
    connections: list[asyncio.StreamWriter] = []

    async def tell(writer: asyncio.StreamWriter) -> None:
        await asyncio.sleep(4)
        for number in range(events):
            detection = Detection(id=number, seq=number + 1, threshold=0.5, tokens=(), timestamps=(), **HEARD)
            writer.write(detection.line().replace(b'"id"', f'"at_s":{time.monotonic()},"id"'.encode(), 1))
            await asyncio.sleep(0.05)

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        telling: asyncio.Task[None] | None = None
        connections.append(writer)
        writer.write(HELLO.line())
        while line := await reader.readline():
            command = json.loads(line)
            answer = {"type": "reply", "ok": True, "error": None, "data": STATUS}
            writer.write(json.dumps({**answer, "request_id": command.get("request_id")}).encode() + b"\n")
            if command["command"] == "subscribe":
                telling = asyncio.create_task(tell(writer))
        if telling is not None:
            telling.cancel()

    server = await asyncio.start_unix_server(serve, socket)
    await asyncio.sleep(events * 0.05 + 7)
    server.close()
    for connection in connections:
        connection.close()
    await asyncio.sleep(0.1)


def measure_mqtt(events: int) -> list[float]:
    """From the event at the daemon's socket to a subscriber of the broker, ms."""
    with tempfile.TemporaryDirectory() as name, running_broker(Path(name)) as broker:
        listener = MqttListener(broker)
        with bridging(Path(name), broker.port):
            asyncio.run(play_daemon(Path(name) / "s", events))
        told = [message for message in listener.told if message.topic.endswith("/event")]
        listener.close()
    ids = [json.loads(message.payload)["id"] for message in told]
    if ids != list(range(events)):
        raise SystemExit(f"{events} events were told, {len(ids)} came")
    return [1000 * (message.at_s - json.loads(message.payload)["at_s"]) for message in told]


def section() -> list[str]:
    """The least disturbed run, and all."""
    runs = [np.percentile(measure_mqtt(EVENTS), [50, 99]) for _ in range(RUNS)]
    best = min(runs, key=lambda run: float(run[1]))
    told = ", ".join(f"{median_ms:.1f} / {most_ms:.1f}" for median_ms, most_ms in runs)
    return [
        "From the event at the daemon's socket, 20 a second, to a subscriber of mosquitto, median / 99 %:",
        f"{best[0]:.1f} / {best[1]:.1f} ms, of {EVENTS} events none lost, none twice; {RUNS} runs: {told}.",
    ]
