"""Wake word, order, transcript event: the real daemon in real time, and how long after the speech its text comes."""

import tempfile
from collections.abc import Sequence
from pathlib import Path
from statistics import median

import jiwer
import numpy as np

from bench import SHARED
from kwsd.intents import Transcript
from kwsd.orders import SpeechEnd
from measure import manifests, sound
from measure.paths import MODEL
from measure.texts import normal
from measure.wav import Samples, silence
from testkit.daemons import DaemonProcess, Plug, running
from testkit.serving import Client

WORD = "JARVIS"
SHORTEST_S, LONGEST_S = 2.0, 6.0
BETWEEN_S = 0.2
NOT_HEARD_S, GIVES_UP_S = 25.0, 500.0
HEADER = """\
# Wake word, order, transcript

`python -m bench transcripts --orders N`, with `--pipeline DIR` for the other: JARVIS of `../shared/wakewords`, 0.2 s,
a phrase of a Common Voice dev speaker (2 to 6 s), through the real daemon in real time with upstream's weights. Latency
is from the end of the speech to the event, median / longest; the silence that is waited for is part of it. The first
order, during which a pipeline loads, stands apart.

| transcriber | orders, heard | WER, % | latency, s | of that silence, s | first order, s |
|---|---|---|---|---|---|
"""


def orders(count: int) -> list[tuple[Samples, str]]:
    """Wake word and phrase as one sound, and the phrase's text; spread over the phrases there are."""
    words = [each for each in manifests.read(SHARED / "wakewords" / "manifest.tsv") if each["phrase"] == WORD]
    phrases = [
        each
        for each in manifests.read(SHARED / "speech" / "manifest.tsv")
        if each["corpus"].startswith("commonvoice") and each["split"] == "dev" and each["transcript"]
        if SHORTEST_S < float(each["seconds"]) < LONGEST_S
    ]
    made = []
    for word, phrase in zip(words, phrases[:: len(phrases) // count][:count], strict=False):
        wake = sound.read_exactly(SHARED / "wakewords" / word["path"])
        said = sound.read_exactly(SHARED / "speech" / phrase["path"])
        made.append((np.concatenate([wake, silence(BETWEEN_S), said]), phrase["transcript"]))
    return made


def answer(daemon: DaemonProcess, plug: Plug, samples: Samples) -> tuple[float, float, str] | None:
    """Seconds from the end of the speech to its text, and of that silence, and the text; None where none was heard."""
    with Client(daemon.socket_path, NOT_HEARD_S) as client:
        client.ask(command="subscribe", types=[SpeechEnd.type, Transcript.type])
        plug.say(samples)
        try:
            end = client.read_until(SpeechEnd.type)
        except TimeoutError:
            return None
        client.socket.settimeout(GIVES_UP_S)
        event = client.read_until(Transcript.type)
    if event["error"]:
        raise RuntimeError(event["error"])
    return event["latency_ms"] / 1000, end["latency_ms"] / 1000, normal(event["text"])


def measured(name: str, transcripts: Sequence[str], count: int) -> str:
    """A row of the table; `transcripts` are lines of that section of the configuration."""
    said = orders(count)
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        (folder / "wake.toml").write_text(f'[[keyword]]\nphrase = "{WORD.lower()}"\nlisten = true\n')
        (folder / "kwsd.toml").write_text("\n".join(["[transcripts]", "timeout_s = 400", *transcripts]))
        files = ("--keywords", str(folder / "wake.toml"), "--config", str(folder / "kwsd.toml"))
        plug = Plug(folder)
        plug.plug_in()
        with running(folder, MODEL, *files) as daemon:
            answers = [(answer(daemon, plug, samples), normal(text)) for samples, text in said]
        plug.pull_out()
    heard = [(told, text) for told, text in answers if told is not None]
    wer = 100 * jiwer.wer([text for _, text in heard], [told[2] for told, _ in heard])
    late_s, silent_s = [told[0] for told, _ in heard[1:]], [told[1] for told, _ in heard[1:]]
    latency, silent = (f"{median(each):.2f} / {max(each):.2f}" for each in (late_s, silent_s))
    return f"| {name} | {len(said)}, {len(heard)} | {wer:.1f} | {latency} | {silent} | {heard[0][0][0]:.1f} |"
