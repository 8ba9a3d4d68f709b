"""Clips of ../shared/wakewords, sent to a real `kwsd-wyoming` in real time by 1 to 16 clients at once.

Each sends 10 ms at a time, as Home Assistant does.
"""

import asyncio
import csv
import json
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import psutil
import soundfile

from kwsd import Model, SearchSettings, Spotter
from kwsd.keywords.keyword import Keyword
from kwsd.stream import Float32
from kwsd.timebase import SAMPLE_RATE
from measure.paths import ROOT, SHARED
from measure.progress import track as show_progress
from measure.wordends import speech_end_s
from testkit.wyoming import pcm, serving

MODEL = ROOT / "models" / "kwsd-en"
WORDS = ("alexa", "jarvis", "snowboy")
CLIPS = 360
PIECE = SAMPLE_RATE // 100
GAP_S = 1.6
LONG_MS = 320
CHUNKS_MS = (LONG_MS, LONG_MS // 2)
CLIENTS = (1, 4, 8, 16)
CLIPS_A_RUN = 4
RUNS = 3


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
    sound: list[float]
    """Of that, sound that the decision needs: the same on every machine."""
    cpu_share: float
    """Processors that the service took."""
    memory_mb: float
    words: int


def tracks(clients: int, clips: int, first: int = 0) -> list[Track]:
    """Other clips for each, from the `first` on, with faint noise between them; as 16 bits give them."""
    with (SHARED / "wakewords" / "manifest.tsv").open(encoding="utf-8") as file:
        paths = [SHARED / "wakewords" / row["path"] for row in csv.DictReader(file, delimiter="\t")]
    order = np.random.default_rng(7).permutation(len(paths))
    found = []
    for client in range(clients):
        noise = np.random.default_rng(client)
        parts: list[Float32] = []
        ends: list[float] = []
        for place in range(client * clips, (client + 1) * clips):
            clip = np.clip(soundfile.read(paths[order[(first + place) % len(order)]], dtype="float32")[0], -1, 1)
            ends.append(sum(map(len, parts)) / SAMPLE_RATE + GAP_S + speech_end_s(clip))
            parts += [noise.normal(0, 3e-4, round(GAP_S * SAMPLE_RATE)).astype(np.float32), clip]
        parts.append(noise.normal(0, 3e-4, 2 * SAMPLE_RATE).astype(np.float32))
        sound = np.frombuffer(pcm(np.concatenate(parts)), "<i2").astype(np.float32) / np.float32(32768)
        found.append(Track(sound, tuple(ends)))
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
    data = (track.sound * 32768).astype("<i2").tobytes()
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


def measure(said: Sequence[Track], chunk_ms: int, *, in_phase: bool) -> Latencies:
    """One run of so many clients. Raises RuntimeError: other detections came than the engine alone gives."""
    model = Model.load(MODEL, chunk_ms)
    decided = [deciding_seconds(track, model) for track in said]
    step_s = model.encoder.shift_frames / 100

    async def run(port: int) -> list[tuple[float, list[float]]]:
        delays = [0.1 if in_phase else 0.1 + step_s * number / len(said) for number in range(len(said))]
        return await asyncio.gather(*(hear(port, track, delay) for track, delay in zip(said, delays, strict=True)))

    with tempfile.TemporaryDirectory() as directory:
        keywords = "".join(f"{word}\n" for word in WORDS)
        with serving(Path(directory), MODEL, "--chunk-ms", str(chunk_ms), keywords=keywords) as service:
            process = psutil.Process(service.process.pid)
            before, began_s = sum(process.cpu_times()[:2]), time.monotonic()
            heard = asyncio.run(run(service.port))
            cpu_share = (sum(process.cpu_times()[:2]) - before) / (time.monotonic() - began_s)
            memory_mb = process.memory_full_info().pss / 1e6
    deciding, word_end, sound = [], [], []
    for track, needed, (start_s, came) in zip(said, decided, heard, strict=True):
        if len(came) != len(needed):
            raise RuntimeError(f"{len(came)} detections came, the engine alone gives {len(needed)}")
        for at_s, needed_s in zip(came, needed, strict=True):
            sent_s = -(-needed_s * SAMPLE_RATE // PIECE) * PIECE / SAMPLE_RATE  # the piece that holds the sample
            deciding.append(1000 * (at_s - start_s - sent_s))
            ends = [end for end in track.word_ends_s if 0 <= needed_s - end + 0.3 < GAP_S]
            word_end += [1000 * (at_s - start_s - ends[-1])] if ends else []
            sound += [1000 * (needed_s - ends[-1])] if ends else []
    return Latencies(deciding, word_end, sound, cpu_share, memory_mb, sum(len(track.word_ends_s) for track in said))


def percentiles(values: Sequence[float]) -> str:
    """Median, 95 % and largest, of those there are."""
    if not values:
        return "–"
    return " / ".join(f"{value:.0f}" for value in np.percentile(values, [50, 95, 100]))


def section() -> list[str]:
    """A row for each number of clients, in phase and out of it."""
    lines = [
        f"{RUNS} runs a row, other clips in each. ms, median / 95 % / largest, from when the last sample that the",
        "decision needs was sent to when the client has the event. All else is of the run whose 95 % is least.",
        "",
        "| encoder, ms | clients | in phase | words, heard | least disturbed | all runs | cores | a stream | PSS, MB |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    rows = [
        (chunk_ms, clients, in_phase)
        for chunk_ms in CHUNKS_MS
        for clients in CLIENTS
        for in_phase in ((True, False) if clients > 1 else (True,))
    ]
    for chunk_ms, clients, in_phase in show_progress(rows, "Wyoming"):
        runs = [
            measure(tracks(clients, CLIPS_A_RUN, run * clients * CLIPS_A_RUN), chunk_ms, in_phase=in_phase)
            for run in range(RUNS)
        ]
        best = min(runs, key=lambda run: float(np.percentile(run.deciding, 95)))
        everything = [value for run in runs for value in run.deciding]
        lines.append(
            f"| {chunk_ms} | {clients} | {'yes' if in_phase else 'no'} | {best.words}, {len(best.deciding)} "
            f"| {percentiles(best.deciding)} | {percentiles(everything)} "
            f"| {best.cpu_share:.3f} | {best.cpu_share / clients:.4f} | {best.memory_mb:.0f} |"
        )
    return lines


def words_section() -> list[str]:
    """All clips, from 8 clients out of phase."""
    lines = [
        f"All {CLIPS} clips, by 8 clients at once out of phase. ms, median / 95 % / largest, from the end of the word,",
        "which is told from the clip's energy. *Sound* is how much of it the decision waits for, on any machine.",
        "",
        "| encoder, ms | words, heard | word's end to event | of that, sound | deciding sample to event |",
        "|---|---|---|---|---|",
    ]
    for chunk_ms in show_progress(CHUNKS_MS, "words"):
        got = measure(tracks(8, CLIPS // 8), chunk_ms, in_phase=False)
        lines.append(
            f"| {chunk_ms} | {got.words}, {len(got.deciding)} "
            f"| {percentiles(got.word_end)} | {percentiles(got.sound)} | {percentiles(got.deciding)} |"
        )
    return lines
