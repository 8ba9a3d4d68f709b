"""What the start of a stream costs, however long the list of keywords is."""

import tempfile
import time
from itertools import islice, permutations
from pathlib import Path

import numpy as np

from bench.bridges.wyoming import MODEL
from kwsd.bridges.wyoming.names import slug
from testkit.wyoming import RATE, WyomingClient, serving

WORDS = [
    *("light", "lamp", "kitchen", "garden", "music", "volume", "window", "door", "heating", "morning", "evening"),
    *("bedroom", "open", "close", "start", "stop", "higher", "lower", "quiet", "louder", "blue", "green", "yellow"),
]
LENGTHS = (3, 248, 10_000)
ROUNDS = 100


def answered_ms(client: WyomingClient, names: list[str] | None, *, starts: bool) -> float:
    """How long until a ping is answered, with a stream begun before it or without."""
    began_s = time.perf_counter()
    if starts:
        client.send("detect", names=names)
        client.send("audio-start", rate=RATE, width=2, channels=1)
    client.send("ping")
    client.read_data("pong")
    return 1000 * (time.perf_counter() - began_s)


def section() -> list[str]:
    """A row for each length."""
    lines = [
        "`detect`, `audio-start` and `ping` until `pong`, less what `ping` alone takes; ms, median / 95 %. A choice of",
        "names that nobody made before is compiled, and shared from then on.",
        "",
        "| phrases in the list | all of them | one, chosen before | one, chosen for the first time | `ping` alone |",
        "|---|---|---|---|---|",
    ]
    for length in LENGTHS:
        phrases = [" ".join(words) for words in islice(permutations(WORDS, 3), length)]
        names = [[slug(phrase)] for phrase in phrases]
        with (
            tempfile.TemporaryDirectory() as directory,
            serving(Path(directory), MODEL, keywords="\n".join([*phrases, ""])) as service,
            service.client() as client,
        ):
            answered_ms(client, None, starts=True)
            alone = [answered_ms(client, None, starts=False) for _ in range(ROUNDS)]
            every = [answered_ms(client, None, starts=True) for _ in range(ROUNDS)]
            first = [answered_ms(client, chosen, starts=True) for chosen in names[:ROUNDS]]
            again = [answered_ms(client, names[min(length, ROUNDS) - 1], starts=True) for _ in range(ROUNDS)]
        ping_ms = float(np.median(alone))
        cells = [percentiles(values, ping_ms) for values in (every, again, first)]
        lines.append(f"| {length} | {' | '.join(cells)} | {percentiles(alone, 0)} |")
    return lines


def percentiles(values: list[float], less: float) -> str:
    """Median and 95 %, less so much."""
    return " / ".join(f"{value - less:.2f}" for value in np.percentile(values, [50, 95]))
