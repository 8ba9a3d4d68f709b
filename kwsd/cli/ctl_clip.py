"""`kwsctl clip`: the sound of a detection as a WAV file. The daemon must have been started with --clips."""

import argparse
import base64
import sys
from pathlib import Path
from typing import Any

from kwsd.errors import KwsdError
from kwsd.protocol.client import DaemonClient, add_socket_argument


def add_parser(subparsers: Any) -> argparse.ArgumentParser:
    """Declare `clip`."""
    parser: argparse.ArgumentParser = subparsers.add_parser(
        "clip", help="save the sound of a detection", description=(__doc__ or "").splitlines()[0]
    )
    parser.add_argument("id", type=int, nargs="?", help="of the detection, see `kwsctl listen --json`")
    parser.add_argument("--start", type=float, metavar="S", help="from here, in seconds of the daemon's clock")
    parser.add_argument("--end", type=float, metavar="S", help="to here; what is yet to come is waited for")
    parser.add_argument("-o", "--output", type=Path, metavar="FILE.wav", help="where to; standard output otherwise")
    add_socket_argument(parser)
    return parser


def run(arguments: argparse.Namespace) -> int:
    """Write the file."""
    with DaemonClient.of(arguments) as client:
        clip = client.ask("clip", id=arguments.id, start=arguments.start, end=arguments.end)
    wav = base64.b64decode(clip["wav"])
    if arguments.output is None:
        _write_out(wav)
        return 0
    try:
        arguments.output.write_bytes(wav)
    except OSError as error:
        raise KwsdError(f"{arguments.output}: cannot be written: {error.strerror}; give another -o") from None
    print(f"{arguments.output}: {clip['start']:.3f} to {clip['end']:.3f} s")
    return 0


def _write_out(wav: bytes) -> None:
    if sys.stdout.isatty():
        raise KwsdError("a WAV file is nothing for a terminal; give -o FILE.wav")
    sys.stdout.buffer.write(wav)
