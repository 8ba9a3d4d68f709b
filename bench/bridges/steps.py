"""Processor time from a complete segment to what is heard in it, for one stream and several: nobody disturbs that."""

import time
from collections import deque

import numpy as np

from bench.bridges.wyoming import CHUNKS_MS, CLIENTS, MODEL, WORDS, tracks
from kwsd import Model, SearchSettings
from kwsd.bridges.wyoming.decode import EARLY_SAMPLES, Stream, hear
from kwsd.bridges.wyoming.names import WakeWords
from kwsd.keywords.keyword import Keyword
from kwsd.timebase import SAMPLE_RATE


def section() -> list[str]:
    """A row for each number of streams in one step."""
    lines = [
        "The decoder alone, in one thread, with streams that all complete a segment at once; `kwsd-wyoming` shares",
        "them among threads, one fewer than there are cores. ms, median / 95 %: what an event waits for at least.",
        "",
        "| encoder, ms | streams | step that completes a segment | made ahead, every 80 ms | cores a stream |",
        "|---|---|---|---|---|",
    ]
    for chunk_ms in CHUNKS_MS:
        model = Model.load(MODEL, chunk_ms)
        words = WakeWords([Keyword(word) for word in WORDS], model, SearchSettings())
        for clients in CLIENTS:
            said = [track.sound for track in tracks(clients, 2)]
            length = min(map(len, said))
            streams = [Stream(model, SearchSettings(), words.searched(None), lambda *_: None) for _ in said]
            whole: list[float] = []
            ahead: list[float] = []
            for start in range(0, length - EARLY_SAMPLES, EARLY_SAMPLES):
                for stream, sound in zip(streams, said, strict=True):
                    stream.waiting.append(sound[start : start + EARLY_SAMPLES])
                    stream.waiting_samples += EARLY_SAMPLES
                is_whole = start + EARLY_SAMPLES >= streams[0].wanted_samples
                taken = [(stream, *stream.take()) for stream in streams]
                began_s = time.thread_time()
                deque(hear(taken), maxlen=0)
                (whole if is_whole else ahead).append(1000 * (time.thread_time() - began_s))
            cores = (sum(whole) + sum(ahead)) / 1000 / (length / SAMPLE_RATE) / clients
            lines.append(f"| {chunk_ms} | {clients} | {told(whole)} | {told(ahead)} | {cores:.4f} |")
    return lines


def told(values: list[float]) -> str:
    """Median and 95 %."""
    return " / ".join(f"{value:.1f}" for value in np.percentile(values, [50, 95]))
