"""Latency and cost of the bridges: `python -m bench bridges` writes results/bridges.md.

Clips of ../shared/wakewords are sent to a real `kwsd-wyoming` in real time, 10 ms at a time as Home Assistant does, by
1 to 16 clients at once. Detections at a real mosquitto come from a socket that plays the daemon.
"""

import argparse
import asyncio
import csv
import json
import os
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import soundfile

from kwsd import Model, SearchSettings, Spotter
from kwsd.events import Detection
from kwsd.keywords.keyword import Keyword
from kwsd.protocol.messages import Hello, Listened, Microphone
from kwsd.stream import Float32
from kwsd.timebase import SAMPLE_RATE
from measure.paths import RESULTS, ROOT, SHARED
from measure.wordends import speech_end_s
from testkit.broker import MqttListener, bridging, running_broker
from testkit.wyoming import pcm, serving

MODELS = ROOT / "models"
PAGE = RESULTS / "bridges.md"
WORDS = ("alexa", "jarvis", "snowboy")
PIECE = SAMPLE_RATE // 100
GAP_S = 1.6
CLIENTS = (1, 4, 8, 16)
EVENTS = 300


@dataclass(frozen=True, slots=True)
class Track:
    """What one client sends."""

    sound: Float32
    word_ends_s: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class Latencies:
    """Of the detections of one run, ms."""

    deciding: list[float]
    """From when the sample that decides was sent to the event."""
    word_end: list[float]
    """From when the end of the word was sent to the event."""
    cpu_share: float
    """Processors that the service took."""
    memory_mb: float
    words: int


def tracks(clients: int, clips: int) -> list[Track]:
    """Other clips for each, with faint noise between them."""
    with (SHARED / "wakewords" / "manifest.tsv").open(encoding="utf-8") as file:
        paths = [SHARED / "wakewords" / row["path"] for row in csv.DictReader(file, delimiter="\t")]
    order = np.random.default_rng(7).permutation(len(paths))
    found = []
    for client in range(clients):
        noise = np.random.default_rng(client)
        parts: list[Float32] = []
        ends: list[float] = []
        for number in order[client * clips : (client + 1) * clips]:
            clip = np.clip(soundfile.read(paths[number], dtype="float32")[0], -1, 1)
            ends.append(sum(map(len, parts)) / SAMPLE_RATE + GAP_S + speech_end_s(clip))
            parts += [noise.normal(0, 3e-4, round(GAP_S * SAMPLE_RATE)).astype(np.float32), clip]
        parts.append(noise.normal(0, 3e-4, 2 * SAMPLE_RATE).astype(np.float32))
        found.append(Track(np.concatenate(parts), tuple(ends)))
    return found


def deciding_seconds(track: Track, model: Model) -> list[float]:
    """How much sound each detection needs, by the engine alone."""
    spotter = Spotter(model, [Keyword(word) for word in WORDS], SearchSettings())
    return [detection.stream_time for detection in spotter.accept(track.sound)]


async def hear(port: int, track: Track, delay_s: float) -> tuple[float, list[float]]:
    """Send a track in real time; when it began, and when each detection came."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    heads = [
        json.dumps({"type": "detect", "data": {"names": None}}),
        json.dumps({"type": "audio-start", "data": {"rate": SAMPLE_RATE, "width": 2, "channels": 1}}),
    ]
    writer.write("\n".join([*heads, ""]).encode())
    came: list[float] = []

    async def listen() -> None:
        while line := await reader.readline():
            header = json.loads(line)
            await reader.readexactly(header.get("data_length", 0))
            came.append(time.monotonic())

    listening = asyncio.create_task(listen())
    await asyncio.sleep(delay_s)
    began_s = time.monotonic()
    data = pcm(track.sound)
    for start in range(0, len(track.sound), PIECE):
        await asyncio.sleep(began_s + (start + PIECE) / SAMPLE_RATE - time.monotonic())
        head = {
            "type": "audio-chunk",
            "data": {"rate": SAMPLE_RATE, "width": 2, "channels": 1, "timestamp": start * 1000 // SAMPLE_RATE},
            "payload_length": len(data[2 * start : 2 * (start + PIECE)]),
        }
        writer.write(json.dumps(head).encode() + b"\n" + data[2 * start : 2 * (start + PIECE)])
    await asyncio.sleep(0.5)
    listening.cancel()
    writer.close()
    return began_s, came


def measure(model_directory: Path, clients: int, clips: int, *, in_phase: bool) -> Latencies:
    """One run of so many clients."""
    model = Model.load(model_directory)
    said = tracks(clients, clips)
    decided = [deciding_seconds(track, model) for track in said]
    step_s = model.encoder.shift_frames / 100

    async def run(port: int) -> list[tuple[float, list[float]]]:
        delays = [0.1 if in_phase else 0.1 + step_s * number / clients for number in range(clients)]
        return await asyncio.gather(*(hear(port, track, delay) for track, delay in zip(said, delays, strict=True)))

    with tempfile.TemporaryDirectory() as directory:
        keywords = "".join(f"{word}\n" for word in WORDS)
        with serving(Path(directory), model_directory, keywords=keywords) as service:
            process = psutil.Process(service.process.pid)
            before, began_s = sum(process.cpu_times()[:2]), time.monotonic()
            heard = asyncio.run(run(service.port))
            cpu_share = (sum(process.cpu_times()[:2]) - before) / (time.monotonic() - began_s)
            memory_mb = process.memory_full_info().pss / 1e6
    deciding, word_end = [], []
    for track, needed, (start_s, came) in zip(said, decided, heard, strict=True):
        if len(came) != len(needed):
            raise SystemExit(
                f"{len(came)} detections came, the engine alone gives {len(needed)}: is the machine too busy?"
            )
        for at_s, needed_s in zip(came, needed, strict=True):
            sent_s = -(-needed_s * SAMPLE_RATE // PIECE) * PIECE / SAMPLE_RATE  # the piece that holds the sample
            deciding.append(1000 * (at_s - start_s - sent_s))
            ends = [end for end in track.word_ends_s if 0 <= needed_s - end + 0.3 < GAP_S]
            word_end += [1000 * (at_s - start_s - ends[-1])] if ends else []
    return Latencies(deciding, word_end, cpu_share, memory_mb, sum(len(track.word_ends_s) for track in said))


def percentiles(values: Sequence[float]) -> str:
    """Median, 95 % and largest."""
    return " / ".join(f"{value:.0f}" for value in np.percentile(values, [50, 95, 100]))


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

    async def tell(writer: asyncio.StreamWriter) -> None:
        await asyncio.sleep(4)
        for number in range(events):
            detection = Detection(id=number, seq=number + 1, threshold=0.5, tokens=(), timestamps=(), **HEARD)
            writer.write(detection.line().replace(b'"id"', f'"at_s":{time.monotonic()},"id"'.encode(), 1))
            await asyncio.sleep(0.05)

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        telling: asyncio.Task[None] | None = None
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


def main(arguments: list[str]) -> None:
    """Measure everything and write the page."""
    parser = argparse.ArgumentParser(prog="python -m bench bridges", description=__doc__)
    parser.add_argument("--clips", type=int, default=8, help="a client says so many words")
    options = parser.parse_args(arguments)
    machine = f"{os.cpu_count()} shared cores, load {os.getloadavg()[0]:.1f} before it began, niceness {os.nice(0)}"
    lines = [
        "# The bridges",
        "",
        f"By `python -m bench bridges`; {machine}.",
        "Milliseconds are median / 95 % / largest. *Deciding* counts from when the last sample that the decision needs",
        "was sent to when the client has the event; *word end* from the end of the word, told from the clip's energy.",
        "",
        "## Wyoming, clips of ../shared/wakewords in real time, 10 ms a chunk",
        "",
        "| clients | in phase | words, heard | deciding | word end | processors | a stream | PSS, MB |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for clients in CLIENTS:
        for in_phase in (True, False) if clients > 1 else (True,):
            got = measure(MODELS / "kwsd-en", clients, options.clips, in_phase=in_phase)
            row = (
                f"| {clients} | {'yes' if in_phase else 'no'} | {got.words}, {len(got.deciding)} "
                f"| {percentiles(got.deciding)} | {percentiles(got.word_end)} "
                f"| {got.cpu_share:.3f} | {got.cpu_share / clients:.4f} | {got.memory_mb:.0f} |"
            )
            print(row, flush=True)
            lines.append(row)
    told = measure_mqtt(EVENTS)
    lines += ["", "## MQTT", "", "Event at the daemon's socket to a subscriber of mosquitto, 20 a second:", ""]
    median_ms, most_ms = np.percentile(told, [50, 99])
    lines.append(f"{EVENTS} events, none lost, none twice: {median_ms:.1f} ms median, {most_ms:.1f} at 99 %.")
    print(lines[-1])
    PAGE.write_text("\n".join([*lines, ""]), encoding="utf-8")
