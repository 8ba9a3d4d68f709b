"""`kwsctl classify`: which of the ten fixed words is it? Probabilities of all twelve classes, window by window."""

import argparse
import json
import logging
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kwsd.cli.arguments import add_sound_arguments, number
from kwsd.errors import AudioError, FlagError

if TYPE_CHECKING:
    from kwsd.audio.source import Source
    from kwsd.cli.progress import Progress
    from kwsd.commands12.classify import Classification
    from kwsd.commands12.frontend import FloatArray

EPILOG = """\
examples:
  kwsctl classify yes.wav                      a clip of up to a second, as a whole
  kwsctl classify meeting.flac --hop 0.5       a window of a second every half second
  kwsctl classify *.wav --json | jq 'select(.label == "stop")'
  kwsctl classify long.wav --plot long.png     the probabilities over time
  kwsctl classify a.wav b.wav --plot           likewise, into a.png and b.png of this folder"""
SHOWN = 3
"""Classes in a line of the table."""
HOPS_S = (0.01, 60.0)
OWN_NAME = Path("NAME.png")
"""Stands for a picture that is named like its sound."""
LIKELY = 0.5
"""Classes that get there are named in the plot."""


def add_parser(subparsers: Any) -> argparse.ArgumentParser:
    """Declare `classify`."""
    parser: argparse.ArgumentParser = subparsers.add_parser(
        "classify",
        help="which of the ten fixed words is it",
        description=__doc__.splitlines()[0],
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add_sound_arguments(parser)
    parser.add_argument("--engine", choices=("ds-cnn", "nc-ssm"), default="ds-cnn", help="(default: %(default)s)")
    parser.add_argument("--hop", type=number, default=0.25, metavar="S", help="seconds between windows (default: 0.25)")
    parser.add_argument("--json", action="store_true", help="print JSON lines with all twelve probabilities")
    parser.add_argument(
        "--plot",
        type=Path,
        nargs="?",
        const=OWN_NAME,
        metavar="FILE.png",
        help="draw the probabilities over time; without a name a picture named like each file",
    )
    return parser


def run(arguments: argparse.Namespace) -> int:
    """Classify every file; the exit code."""
    from kwsd.cli.sound_files import over_files  # noqa: PLC0415 - `kwsctl --help` needs no numpy
    from kwsd.commands12.classify import classify  # noqa: PLC0415 - likewise
    from kwsd.commands12.model import find_model  # noqa: PLC0415 - likewise

    if not HOPS_S[0] <= arguments.hop <= HOPS_S[1]:
        raise FlagError(f"--hop {arguments.hop:g}: choose from 0.01 to 60 seconds")
    if arguments.plot and arguments.plot is not OWN_NAME and len(arguments.files) > 1:
        raise FlagError("--plot FILE.png draws one file; give one, or --plot without a name")
    if arguments.plot is OWN_NAME:
        check_own_names(arguments.files)
    if arguments.plot:
        check_plot(arguments.plot)
    model = find_model(arguments.engine)

    def classify_all(source: "Source", progress: "Progress") -> None:
        windows = []
        for window in classify(model, samples_of(source, progress), arguments.hop):
            progress.write(line_of(window, source.name if len(arguments.files) > 1 else "", arguments.json))
            windows += [window] if arguments.plot else []
        if arguments.plot:
            plot(windows, Path(f"{Path(source.name).stem}.png") if arguments.plot is OWN_NAME else arguments.plot)

    return over_files(arguments, classify_all)


def samples_of(source: "Source", progress: "Progress") -> "Iterator[FloatArray]":
    """The sound of a source, and the bar moved on."""
    for chunk in source:
        yield chunk.samples
        progress.advance(chunk.samples.size)


def line_of(window: "Classification", name: str, as_json: bool) -> str:
    """A row of the table, or a JSON object; `name` tells several files apart."""
    if as_json:
        record = {"source": name} if name else {}
        probabilities = dict(window.probabilities)
        return json.dumps(
            {**record, "start": window.start, "end": window.end, "label": window.label, "probabilities": probabilities}
        )
    likely = list(window.probabilities.items())[:SHOWN]
    shown = "  ".join(f"{label:9} {probability:5.2f}" for label, probability in likely)
    return f"{name + '  ' if name else ''}{window.start:9.2f} s to {window.end:9.2f} s  {shown}".rstrip()


def check_own_names(files: "Sequence[str]") -> None:
    """Raise FlagError where one picture would take the place of another's."""
    drawn: dict[str, str] = {}
    for file in files:
        first = drawn.setdefault(Path(file).stem, file)
        if first != file:
            raise FlagError(f"--plot would draw {first} and {file} into the same {Path(file).stem}.png")


def check_plot(path: Path) -> None:
    """Tell before hours are classified what would keep the picture from being drawn.

    Raises:
        FlagError: matplotlib is not installed, there is no such folder, or it draws no such format.
    """
    logging.getLogger("matplotlib").setLevel(logging.ERROR)  # it tells of its font cache
    try:
        from matplotlib.figure import Figure  # noqa: PLC0415 - an extra
    except ImportError as error:
        raise FlagError("--plot needs matplotlib: pip install 'kwsd[tune]'") from error
    if not path.parent.is_dir():
        raise FlagError(f"--plot {path}: cannot be written: there is no folder {path.parent}")
    formats = Figure().canvas.get_supported_filetypes()
    if path.suffix and path.suffix[1:].lower() not in formats:
        raise FlagError(f"--plot {path}: cannot be written: choose one of .{', .'.join(sorted(formats))}")


def plot(windows: "Sequence[Classification]", path: Path) -> None:
    """Draw probabilities over time into a picture; classes that are never likely stay out of the legend.

    Raises:
        FlagError: the file cannot be written.
        AudioError: there is nothing to draw.
    """
    from matplotlib.figure import Figure  # noqa: PLC0415 - an extra

    if not windows:
        raise AudioError("there is no sound to draw")
    figure = Figure(figsize=(10, 4), layout="constrained")
    axes = figure.subplots()
    middles = [(window.start + window.end) / 2 for window in windows]
    for label in sorted(windows[0].probabilities):
        values = [window.probabilities[label] for window in windows]
        likely = max(values) >= LIKELY
        spoken = label == label.strip("_")  # silence and unknown; matplotlib would hide such a name
        style = {"marker": ".", "lw": 1.5, "label": label.strip("_")} if likely else {"lw": 0.5}
        axes.plot(middles, values, color=None if spoken else "0.6" if label == "_unknown_" else "0.85", **style)
    axes.set(xlabel="middle of the window (s)", ylabel="probability", ylim=(0, 1.02))
    axes.spines[["top", "right"]].set_visible(False)
    if axes.get_legend_handles_labels()[0]:
        axes.legend(loc="upper left", bbox_to_anchor=(1, 1), frameon=False)
    try:
        figure.savefig(path, dpi=120)
    except (OSError, ValueError) as error:
        raise FlagError(f"--plot {path}: cannot be written: {error}") from error
