"""What the start of a stream costs, however long the list of keywords is."""

import tempfile
from collections.abc import Sequence
from itertools import islice, permutations
from pathlib import Path

import psutil

from bench.bridges.wyoming import MODEL
from kwsd.bridges.wyoming.names import slug
from testkit.wyoming import RATE, WyomingClient, serving

WORDS = [
    *("light", "lamp", "kitchen", "garden", "music", "volume", "window", "door", "heating", "morning", "evening"),
    *("bedroom", "open", "close", "start", "stop", "higher", "lower", "quiet", "louder", "blue", "green", "yellow"),
]
LENGTHS = (248, 2_000, 10_000)
ROUNDS = 300


def processor_ms(process: psutil.Process, client: WyomingClient, choices: Sequence[list[str] | None]) -> float:
    """Of the service, for a stream that begins with each of these choices of names, less what a ping alone takes."""

    def spent_ms(*, starts: bool) -> float:
        before_s = sum(process.cpu_times()[:2])
        for names in choices:
            if starts:
                client.send("detect", names=names)
                client.send("audio-start", rate=RATE, width=2, channels=1)
            client.send("ping")
            client.read_data("pong")
        return 1000 * float(sum(process.cpu_times()[:2]) - before_s) / len(choices)

    return spent_ms(starts=True) - spent_ms(starts=False)


def section() -> list[str]:
    """A row for each length."""
    lines = [
        "Processor time of the service for `detect` and `audio-start`, until it answers the next event; ms, mean of",
        f"{ROUNDS}. A choice of names that nobody made before is compiled, and shared from then on.",
        "",
        "| phrases in the list | all of them | one, chosen before | one, chosen for the first time |",
        "|---|---|---|---|",
    ]
    for length in LENGTHS:
        phrases = [" ".join(words) for words in islice(permutations(WORDS, 3), length)]
        first = [[slug(phrase)] for phrase in phrases[:ROUNDS]]
        with (
            tempfile.TemporaryDirectory() as directory,
            serving(Path(directory), MODEL, keywords="\n".join([*phrases, ""])) as service,
            service.client() as client,
        ):
            process = psutil.Process(service.process.pid)
            processor_ms(process, client, [None])  # warm
            choices = (first, [None] * ROUNDS, [first[-1]] * ROUNDS)
            new, every, again = (processor_ms(process, client, names) for names in choices)
        lines.append(f"| {length} | {every:.2f} | {again:.2f} | {new:.2f} |")
    return lines
