"""`kwsctl transcribe`: what is said in a recording, word by word with times."""

import argparse
import json
from collections.abc import Callable
from contextlib import ExitStack
from functools import partial
from typing import TYPE_CHECKING, Any

from kwsd.cli.arguments import add_sound_arguments, number
from kwsd.errors import FlagError
from kwsd.limits import TRANSCRIPT_S
from kwsd.records import printable

if TYPE_CHECKING:
    from kwsd.audio.source import Source
    from kwsd.cli.progress import Progress
    from kwsd.transcripts.interface import Transcriber, Transcription

EPILOG = """\
examples:
  kwsctl transcribe note.wav --model gigaspeech-3.3M
  kwsctl transcribe *.flac --model gigaspeech-3.3M --json | jq -r .text
  kwsctl transcribe note.wav --command "my-recogniser --stdin"
  kwsctl transcribe note.wav --pipeline ~/models/whisper-tiny.en

The model must have word pieces: kwsd-en has phones and cannot write. A --command is given a WAV file on standard
input and writes text, or {"text": …, "words": [{"text": …, "start": …, "end": …}]}. A --pipeline is the directory of a
transformers model for automatic-speech-recognition; it needs: pip install 'kwsd[asr]'."""


def add_parser(subparsers: Any) -> argparse.ArgumentParser:
    """Declare `transcribe`."""
    parser: argparse.ArgumentParser = subparsers.add_parser(
        "transcribe",
        help="write down what is said in recordings, with times",
        description=__doc__.splitlines()[0],
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add_sound_arguments(parser)
    parser.add_argument("--model", metavar="NAME|DIR", help="a model with word pieces")
    who = parser.add_mutually_exclusive_group()
    who.add_argument("--command", metavar="COMMAND", help="let another program transcribe")
    who.add_argument("--pipeline", metavar="DIR", help="let a pipeline of transformers transcribe")
    parser.add_argument("--allow-downloads", action="store_true", help="--pipeline may be a name in a hub")
    parser.add_argument("--trust-code", action="store_true", help="run code that comes with --pipeline's model")
    parser.add_argument("--timeout", type=number, default=60.0, metavar="S", help="for both (default: 60)")
    parser.add_argument("--json", action="store_true", help="print a JSON object per file")
    return parser


def run(arguments: argparse.Namespace) -> int:
    """Transcribe every file; the exit code."""
    from kwsd.cli.sound_files import over_files  # noqa: PLC0415 - `kwsctl --help` needs no numpy

    if arguments.timeout not in TRANSCRIPT_S:
        raise FlagError(f"--timeout {arguments.timeout:g}: is not {TRANSCRIPT_S} seconds")
    with ExitStack() as opened:
        transcribe = transcription_with(arguments, opened)

        def write_down(source: "Source", progress: "Progress") -> None:
            told = transcribe(source, progress)
            several = source.name if len(arguments.files) > 1 else ""
            progress.write(json_of(told, several) if arguments.json else text_of(told, several))

        return over_files(arguments, write_down)


def transcription_with(
    arguments: argparse.Namespace, opened: ExitStack
) -> "Callable[[Source, Progress], Transcription]":
    """Loads what is needed once, for all files; what is to be ended then goes to `opened`."""
    if arguments.pipeline:
        from kwsd.transcripts.pipeline import PipelineTranscriber, pipeline_process  # noqa: PLC0415 - as above

        process = pipeline_process(
            arguments.pipeline,
            allow_downloads=arguments.allow_downloads,
            trust_code=arguments.trust_code,
            timeout_s=arguments.timeout,
            idle_s=arguments.timeout,
        )
        opened.callback(process.kill)
        return lambda source, progress: heard(source, progress, PipelineTranscriber(process), None)
    if arguments.command:
        from kwsd.transcripts.command import CommandTranscriber  # noqa: PLC0415 - as above

        make = partial(CommandTranscriber, arguments.command, arguments.timeout)
        make()  # tells before any sound is read that there is no such program
        return lambda source, progress: heard(source, progress, make(), None)
    from kwsd.acoustic.model import Model  # noqa: PLC0415 - as above
    from kwsd.acoustic.stream import AcousticStream  # noqa: PLC0415 - as above
    from kwsd.config import load_settings  # noqa: PLC0415 - as above
    from kwsd.transcripts.transducer import TransducerTranscriber, check_writes_words  # noqa: PLC0415 - as above

    model = Model.load(load_settings({"model": arguments.model}).settings.model)
    check_writes_words(model)
    return lambda source, progress: heard(source, progress, TransducerTranscriber(model), AcousticStream(model))


def heard(source: "Source", progress: "Progress", transcriber: "Transcriber", stream: Any) -> "Transcription":
    """All of a source through one transcriber; `stream` makes frames of the sound, None where they are not needed."""
    for chunk in source:
        transcriber.push(chunk, stream.push(chunk) if stream else ())
        progress.advance(chunk.samples.size)
    if stream:
        from kwsd.stream import NO_SAMPLES, Chunk  # noqa: PLC0415 - as above

        transcriber.push(Chunk(stream.next_sample or 0, NO_SAMPLES, source.name), stream.finish())
    return transcriber.finish()


def json_of(told: "Transcription", source: str) -> str:
    """One JSON object; `source` tells several files apart."""
    words = [
        {"text": word.text, "start": word.start, "end": word.end, "confidence": word.confidence} for word in told.words
    ]
    record = {"source": source} if source else {}
    return printable(
        json.dumps({**record, "text": told.text, "confidence": told.confidence, "words": words}, ensure_ascii=False)
    )


def text_of(told: "Transcription", source: str) -> str:
    """The text, then a line per word: from, to, how sure, the word."""
    lines = [f"{source}: {told.text}" if source else told.text]
    for word in told.words:
        sure = "    " if word.confidence is None else f"{word.confidence:.2f}"
        lines.append(f"{word.start:9.2f} s to {word.end:9.2f} s  {sure}  {word.text}")
    return "\n".join(printable(line) for line in lines)
