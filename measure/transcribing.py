"""Utterances through whoever transcribes them: word errors and processor time."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import jiwer
import psutil

from kwsd.acoustic.model import Model
from kwsd.acoustic.stream import AcousticStream
from kwsd.stream import NO_SAMPLES, Chunk
from kwsd.transcripts.interface import Transcriber
from measure import manifests, sound
from measure.progress import track
from measure.texts import normal
from measure.wav import BLOCK, RATE, Samples

COLUMNS = """\
| transcriber | utterances, words | WER, % | transcriber, ms per s | in all, ms per s | words with times, % |
|---|---|---|---|---|---|"""


@dataclass(slots=True)
class Tally:
    """Of one transcriber."""

    truths: list[str]
    texts: list[str]
    sound_s: float = 0.0
    own_s: float = 0.0
    """Processor time of the transcriber."""
    all_s: float = 0.0
    timed: int = 0
    """Words with times."""

    def row(self, name: str) -> str:
        """For the table."""
        words, written = (sum(len(text.split()) for text in texts) for texts in (self.truths, self.texts))
        wer = 100 * jiwer.wer(self.truths, self.texts)
        own, everything = (1000 * each / self.sound_s for each in (self.own_s, self.all_s))
        timed = 100 * min(1.0, self.timed / max(1, written))
        return f"| {name} | {len(self.truths)}, {words} | {wer:.1f} | {own:.1f} | {everything:.1f} | {timed:.0f} |"


def processor_s(begun: Sequence[psutil.Process]) -> float:
    """Of this process, and to 10 ms of those that it began."""
    return time.process_time() + sum(sum(process.cpu_times()[:2]) for process in begun)


def transcribe(
    rows: Sequence[manifests.Row], root: Path, make: Callable[[], Transcriber], model: Model | None
) -> Tally:
    """All utterances of a manifest in `root`, one by one; `model` makes frames where the transcriber takes them."""
    tally, begun = Tally([], []), psutil.Process().children(recursive=True)
    for row in track(rows, "transcribing"):
        samples: Samples = sound.read_exactly(root / row["path"])
        transcriber, stream = make(), AcousticStream(model) if model else None
        began_s, own_s = processor_s(begun), 0.0
        for at in [*range(0, len(samples), BLOCK), len(samples)]:
            block = samples[at : at + BLOCK]
            chunk = Chunk(at, block if len(block) else NO_SAMPLES, "")
            frames = stream.push(chunk) if stream else []
            if stream and at == len(samples):
                frames += stream.finish()
            before_s = processor_s(begun)
            transcriber.push(chunk, frames)
            own_s += processor_s(begun) - before_s
        before_s = processor_s(begun)
        told = transcriber.finish()
        tally.own_s += own_s + processor_s(begun) - before_s
        tally.all_s += processor_s(begun) - began_s
        tally.sound_s += len(samples) / RATE
        tally.truths.append(normal(row["transcript"]))
        tally.texts.append(normal(told.text))
        tally.timed += len(told.words)
    return tally
