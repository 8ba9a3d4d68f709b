"""`kwsctl check`: are model, keywords and microphone fit to work with? Says what it finds, and what to do about it."""

import argparse
import logging
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kwsd.errors import AudioError

if TYPE_CHECKING:
    from kwsd.acoustic.model import Model
    from kwsd.audio.level import Loudness
    from kwsd.audio.microphone import MicrophoneSource
    from kwsd.audio.source import Samples
    from kwsd.config import LoadedSettings
    from kwsd.keywords.keyword import Keyword

logger = logging.getLogger(__name__)

RECORD_S = 3.0
TIMED_S = 10.0  # of sound: about 200 ms on a desktop, 2 s on a small board
KEEPS_UP_RTF = 0.5  # leaves as much for the rest of the machine
SILENT_DBFS = -60.0  # a room at night through a working microphone is above this
FAINT_DBFS = -30.0  # peak of speech that the model was not trained on
CLIPPED_SHARE = 0.001


def add_parser(subparsers: Any) -> argparse.ArgumentParser:
    """Declare `check`."""
    parser: argparse.ArgumentParser = subparsers.add_parser(
        "check", help="try out model, keywords and microphone", description=__doc__.splitlines()[0]
    )
    parser.add_argument("--keywords", metavar="FILE", help="phrases to check")
    parser.add_argument("--model", metavar="NAME|DIR", help="an installed model or its directory")
    parser.add_argument("--device", metavar="NAME", help="microphone: words of its name, or its number")
    parser.add_argument("--channel", type=int, metavar="N", help="use only this channel, counted from 1")
    parser.add_argument("--config", type=Path, metavar="FILE.toml", help="settings, instead of the usual config.toml")
    return parser


def run(arguments: argparse.Namespace) -> int:
    """Check everything; the exit code. A machine without a microphone is fit for files and pipes, so that is 0."""
    from kwsd.acoustic.model import Model  # noqa: PLC0415 - `kwsctl --help` needs no numpy
    from kwsd.config import load_settings  # noqa: PLC0415 - likewise

    flags = {name: getattr(arguments, name) for name in ("keywords", "model", "device", "channel")}
    loaded = load_settings(flags, file=arguments.config)
    model = Model(_intact_directory(loaded.settings.model))
    print(f"model       {model.name} {model.description.version} in {model.directory}")
    keywords = _check_keywords(loaded, model)
    _check_speed(model, keywords, loaded)
    _compare_graphs(model)
    _check_microphone(loaded)
    return 0


def _intact_directory(name: str) -> Path:
    """Of a model whose files are what model.toml and SHA256SUMS say; ModelError otherwise."""
    from kwsd.models.directory import find_model_directory  # noqa: PLC0415 - likewise
    from kwsd.models.install import require_intact  # noqa: PLC0415 - likewise

    directory = find_model_directory(name)
    require_intact(directory)
    return directory


def _check_keywords(loaded: "LoadedSettings", model: "Model") -> "Sequence[Keyword]":
    from kwsd.cli.run_files import load_keywords  # noqa: PLC0415 - likewise
    from kwsd.keywords.overlaps import keyword_warnings  # noqa: PLC0415 - likewise

    path = loaded.settings.keywords
    if path is None:
        print("keywords    none to check: give --keywords FILE")
        return ()
    keywords = load_keywords(path, model.tokenizer)
    print(f"keywords    {len(keywords)} in {path}")
    for line in _token_lines(keywords, model):
        print(f"            {line}")
    for warning in keyword_warnings(keywords, model.tokenizer):
        print(f"            warning: {warning}")
    return keywords


def _token_lines(keywords: "Sequence[Keyword]", model: "Model") -> Iterator[str]:
    """`lights on   ▁LIGHT S ▁ON`, below it what else counts as the same."""
    from kwsd.keywords.sequences import token_sequences  # noqa: PLC0415 - likewise

    width = max(len(keyword.label) for keyword in keywords)
    for keyword in keywords:
        label = keyword.label
        for sequence in token_sequences(keyword, model.tokenizer):
            yield f"{label:{width}}  {' '.join(model.tokenizer.pieces(sequence.tokens))}"
            label = ""


def _check_speed(model: "Model", keywords: "Sequence[Keyword]", loaded: "LoadedSettings") -> None:
    """Time faint noise through the whole, with one thread as in service."""
    import numpy as np  # noqa: PLC0415 - likewise

    from kwsd.spotters.library import SampleSpotter  # noqa: PLC0415 - likewise
    from kwsd.timebase import samples  # noqa: PLC0415 - likewise

    spotter = SampleSpotter(model, (), loaded.settings.search)
    spotter.replace(spotter.compile(keywords))
    noise = np.random.default_rng(0).normal(0, 0.01, samples(TIMED_S)).astype(np.float32)
    spotter.accept(noise[: samples(1.0)])  # the first calls are slower
    began_s = time.process_time()
    spotter.accept(noise)
    rtf = (time.process_time() - began_s) / TIMED_S
    verdict = "this machine keeps up" if rtf < KEEPS_UP_RTF else "too slow: sound is lost when the machine is busy"
    print(f"speed       RTF {rtf:.4f}: takes {rtf:.1%} of one processor; {verdict}")


def _compare_graphs(model: "Model") -> None:
    """The graph that runs, and the export that it was written from: which costs less depends on the processor."""
    from kwsd.acoustic.encoder import Encoder  # noqa: PLC0415 - likewise
    from kwsd.acoustic.speed import chunk_ms  # noqa: PLC0415 - likewise
    from kwsd.models.directory import find_part  # noqa: PLC0415 - likewise

    export = find_part(model.directory, "encoder")
    if export == model.encoder.path:
        print(
            f"encoder     {export.name} as exported; `kwsctl models optimise {model.directory}` may make it cost less"
        )
        return
    runs_ms, export_ms = chunk_ms([model.encoder, Encoder(export)])
    print(f"encoder     {model.encoder.path.name} runs: {runs_ms:.2f} ms a chunk, {export.name} {export_ms:.2f} ms")


def _check_microphone(loaded: "LoadedSettings") -> None:
    from kwsd.audio.level import measure_level  # noqa: PLC0415 - loads PortAudio
    from kwsd.audio.microphone import MicrophoneSource  # noqa: PLC0415 - likewise
    from kwsd.cli.run_files import device  # noqa: PLC0415 - likewise

    try:
        source = MicrophoneSource(device(loaded), loaded.settings.channel or 1)
        print(f'microphone  "{source.name}", channel {source.channel}, at {source.rate_hz} Hz')
        print(f"            recording {RECORD_S:.0f} s: say something", flush=True)
        level = measure_level(_record(source))
    except AudioError as error:
        print(f"microphone  none usable: {error}")
        return
    print(f"            level {level.rms_dbfs:.0f} dBFS, peak {level.peak_dbfs:.0f} dBFS; {_advice(level)}")


def _record(source: "MicrophoneSource") -> "Samples":
    import numpy as np  # noqa: PLC0415 - likewise

    from kwsd.timebase import samples  # noqa: PLC0415 - likewise

    blocks: list[Samples] = []
    try:
        for block in source:
            blocks.append(block.samples)
            if sum(map(len, blocks)) >= samples(RECORD_S):
                break
    finally:
        source.close()
    return np.concatenate(blocks)


def _advice(level: "Loudness") -> str:
    if level.clipped_share > CLIPPED_SHARE:
        return f"{level.clipped_share:.1%} of it is clipped: lower the gain (alsamixer, F4)"
    if level.rms_dbfs < SILENT_DBFS:
        return "it is as good as silent: is the microphone muted, or its gain at zero (alsamixer, F4)?"
    if level.peak_dbfs < FAINT_DBFS:
        return "it is faint: raise the gain (alsamixer, F4) or come nearer"
    return "no clipping"
