"""`kwsctl check`: are model, keywords and microphone fit to work with? Says what it finds, and what to do about it."""

import argparse
import logging
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kwsd.cli.trials import KEEPS_UP_RTF, intact_directory, measured_rtf, record
from kwsd.errors import AudioError, ModelError

if TYPE_CHECKING:
    from kwsd.acoustic.model import Model
    from kwsd.config import LoadedSettings
    from kwsd.keywords.keyword import Keyword

logger = logging.getLogger(__name__)

RECORD_S = 3.0
LEAST_PER_HOUR = 0.01  # less cannot be told from hours of speech


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
    model = Model(intact_directory(loaded.settings.model))
    print(f"model       {model.name} {model.description.version} in {model.directory}")
    keywords = _check_keywords(loaded, model)
    rtf = measured_rtf(model, keywords, loaded.settings)
    verdict = "this machine keeps up" if rtf < KEEPS_UP_RTF else "too slow: sound is lost when the machine is busy"
    print(f"speed       RTF {rtf:.4f}: takes {rtf:.1%} of one processor; {verdict}")
    compare_graphs(model)
    _check_microphone(loaded)
    return 0


def _check_keywords(loaded: "LoadedSettings", model: "Model") -> "Sequence[Keyword]":
    from kwsd.cli.run_files import load_keywords  # noqa: PLC0415 - likewise
    from kwsd.keywords.overlaps import keyword_warnings  # noqa: PLC0415 - likewise
    from kwsd.keywords.sequences import token_sequences  # noqa: PLC0415 - likewise

    path = loaded.settings.keywords
    if path is None:
        print("keywords    none to check: give --keywords FILE")
        return ()
    keywords = load_keywords(path, model.tokenizer)
    print(f"keywords    {len(keywords)} in {path}")
    rates = model.description.false_alarms
    if rates is not None:
        print("            with the false alarms to expect of each in an hour of other people's talk")
    width = max(len(keyword.label) for keyword in keywords)
    threshold = loaded.settings.search.over(model.description.search).threshold
    for keyword in keywords:  # `lights on  0.03/h  ▁LIGHT S ▁ON`, below it what else counts as the same
        sequences = token_sequences(keyword, model.tokenizer)
        expected = ""
        if rates is not None:
            per_hour = rates.per_hour(len(sequences[0].tokens), keyword.threshold or threshold)
            expected = ("<0.01/h" if per_hour < LEAST_PER_HOUR else f"{per_hour:.2f}/h").ljust(9)
        pieces = [" ".join(model.tokenizer.pieces(sequence.tokens)) for sequence in sequences]
        print(f"{'':12}{keyword.label:{width}}  {expected}{pieces[0]}")
        for others in pieces[1:]:
            print(f"{'':12}{'':{width}}  {'':{len(expected)}}{others}")
    for warning in keyword_warnings(keywords, model.tokenizer):
        print(f"            warning: {warning}")
    return keywords


def compare_graphs(model: "Model") -> None:
    """What runs, and what else might: the export, and each kind of matrix in float32 and in int8.

    See `kwsd.acoustic.choice`.
    """
    from kwsd.acoustic.encoder import Encoder  # noqa: PLC0415 - likewise
    from kwsd.acoustic.kinds import kind_times  # noqa: PLC0415 - likewise
    from kwsd.acoustic.speed import chunk_ms  # noqa: PLC0415 - likewise
    from kwsd.models.directory import find_encoder, find_part  # noqa: PLC0415 - likewise

    runs, compact, others = model.encoder, find_encoder(model.directory), list[Encoder]()
    with suppress(ModelError):  # an installed package has no export
        export = find_part(model.directory, "encoder")
        if export == compact:
            how = f"`kwsctl models optimise {model.directory}` may make it cost less"
            print(f"encoder     {export.name} as exported; {how}")
            return
        others = [Encoder(compact if runs.path == export else export)]
    runs_ms, *others_ms = chunk_ms([runs, *others])
    told = "".join(f", {each.path.name} {taken_ms:.2f} ms" for each, taken_ms in zip(others, others_ms, strict=True))
    print(f"encoder     {runs.label} runs: {runs_ms:.2f} ms a chunk{told}")
    print(f"{'':12}{compact.name}, ms a chunk by kind of matrix (how many): float32, int8")
    for kind, (count, float_ms, int8_ms) in kind_times(compact).items():
        chosen = "  runs in int8" if kind in runs.int8 else ""
        print(f"{'':12}{kind:>8} {f'({count})':>5} {float_ms:6.2f} {int8_ms:6.2f}{chosen}")


def _check_microphone(loaded: "LoadedSettings") -> None:
    from kwsd.audio.level import advice, measure_level  # noqa: PLC0415 - loads PortAudio
    from kwsd.audio.microphone import MicrophoneSource  # noqa: PLC0415 - likewise
    from kwsd.cli.run_files import device  # noqa: PLC0415 - likewise

    try:
        source = MicrophoneSource(device(loaded), loaded.settings.channel)
        print(f'microphone  "{source.name}", channel {source.channel}, at {source.rate_hz} Hz')
        print(f"            recording {RECORD_S:.0f} s: say something", flush=True)
        level = measure_level(record(source, RECORD_S))
    except AudioError as error:
        print(f"microphone  none usable: {error}")
        return
    todo = advice(level, spoken=True)
    told = todo.text if todo else "no clipping"
    print(f"            level {level.rms_dbfs:.0f} dBFS, peak {level.peak_dbfs:.0f} dBFS; {told}")
    if loaded.settings.channel is None and source.channel > 1:
        print(f"            channel {source.channel} has the sound; --channel {source.channel} takes it for good")
