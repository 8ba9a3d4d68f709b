"""From the end of the word to its detection, in audio time."""

from collections.abc import Sequence

import numpy as np

from bench.engine import hearing
from bench.engine.hearing import Engine
from bench.engine.peer import CARD, Peer
from bench.engine.product import Product
from bench.engine.report import Section
from bench.engine.selection import WAKEWORDS
from measure import plots, scoring, streams
from measure.progress import say
from measure.scoring import Hit
from measure.wav import RATE, Samples, blocks, duration_s
from measure.wordends import PAUSE, RISE_DB, speech_end_s

BLOCK = RATE // 50  # 20 ms, as a microphone delivers
PERCENTILES = (5, 50, 95)


def measure(jobs: int) -> Section:
    """Delays of every engine, over the clips that it hears and over those that all hear."""
    del jobs
    stream = streams.wakewords()
    ends_s = word_ends(stream)
    heard = {engine.title: matched(engine, stream) for engine in engines()}
    delays = {title: [delay(hit, end) for hit, end in zip(hits, ends_s, strict=True)] for title, hits in heard.items()}
    by_all = [None not in each for each in zip(*delays.values(), strict=True)]
    common = {
        title: [each for each, all_hear in zip(of, by_all, strict=True) if all_hear] for title, of in delays.items()
    }
    own = {title: [each for each in of if each is not None] for title, of in delays.items()}
    shared = {title: [each for each in of if each is not None] for title, of in common.items()}
    rows = [row(f"{title}, clips it hears", of) for title, of in own.items()]
    rows += [row(f"{title}, clips all hear", of) for title, of in shared.items()]
    columns = ("engine", "clips", *(f"{percentile} % (s)" for percentile in PERCENTILES))
    plot = plots.latency_histogram(shared)
    return Section(
        "latency", "End of word → detection, audio time", columns, rows, notes(), [plot], {"delays_s": delays}
    )


def engines() -> list[Engine]:
    """Peer and product."""
    return [Peer(WAKEWORDS, *CARD), Product(WAKEWORDS)]


def notes() -> list[str]:
    """How the ends were found."""
    return [
        "the quiet wake-word stream in blocks of 20 ms; a hit counts once its block was fed; no computing time",
        f"a word ends where its clip's strongest sound does: frames of 10 ms that are {RISE_DB:g} dB above the room",
        f"the room is what its clip has before the word; sounds are parted by pauses of {PAUSE * 10} ms",
        "energy cannot tell breath from speech, so single ends are off by up to 0.2 s, for all engines alike",
    ]


def word_ends(stream: streams.Stream) -> list[float]:
    """End of every word in seconds of the stream."""
    whole = np.concatenate(list(blocks(stream.wav, 60 * RATE)))

    def clip(label: scoring.Label) -> Samples:
        return whole[round(label.start_s * RATE) : round(label.end_s * RATE)]

    return [label.start_s + speech_end_s(clip(label)) for label in stream.labels]


def matched(engine: Engine, stream: streams.Stream) -> list[Hit | None]:
    """The hit of each label."""
    say(f"{engine.title}: {duration_s(stream.wav) / 60:.0f} min in blocks of 20 ms")
    return scoring.match(stream.labels, hearing.hear(engine, stream.wav, BLOCK, replay=True))


def delay(hit: Hit | None, end_s: float) -> float | None:
    """Seconds of audio from word end to report."""
    return None if hit is None else round(hit.heard_s - end_s, 3)


def row(title: str, delays: Sequence[float]) -> list[str]:
    """Count and percentiles."""
    return [title, str(len(delays)), *(f"{np.percentile(delays, percentile):.2f}" for percentile in PERCENTILES)]
