"""The `kwsd` command: hears a list of phrases in a microphone, a file or a pipe, and prints each with its time."""

import argparse
import logging
import os
import signal
import sys
from collections.abc import Mapping, Sequence
from importlib import import_module
from pathlib import Path
from typing import Any

from kwsd import __version__
from kwsd.cli.arguments import RAW_HELP, number
from kwsd.cli.exit_codes import run_program
from kwsd.cli.logs import start_logging
from kwsd.cli.terminal import comes_by_stdin
from kwsd.errors import DONE, EXIT_CODES, FlagError

logger = logging.getLogger(__name__)

DESCRIPTION = """\
Hears the phrases of a text file in a microphone, a file or a pipe, and prints each with its time and score.
Nothing is trained, nothing leaves this machine."""

EPILOG = f"""\
examples:
  echo "lights on" > commands.txt
  kwsd --keywords commands.txt                        the default microphone, until Ctrl-C
  kwsd --keywords commands.txt --device "usb mic"     another one; --list-devices names them
  kwsd --keywords commands.txt --input *.mp3          recordings
  kwsd --keywords demo.txt                            a list that comes with kwsd
  arecord -q -f S16_LE -r 16000 -c 1 -t raw | kwsd --keywords commands.txt --input -
  kwsd --keywords commands.txt --json | jq .keyword

keyword file: one phrase per line; `:1.5` boosts it, `#0.4` sets its threshold, `@NAME` names it,
`/Z OW L AX/` says in phones how a name sounds.
settings: flags, then environment (KWSD_MODEL, KWSD_SEARCH_THRESHOLD, …), then config.toml, see --print-config.
{EXIT_CODES}

`kwsctl check` tries out microphone, model and keywords, and shows how phrases are pronounced."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run `kwsd` with these arguments (those of the process by default); returns the exit code."""
    return run_program(make_parser(), _run, argv)


def make_parser() -> argparse.ArgumentParser:
    """Its arguments."""
    parser = argparse.ArgumentParser(
        prog="kwsd",
        usage="kwsd --keywords FILE [--input mic|FILE|-] [options]",
        description=DESCRIPTION,
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    what = parser.add_argument_group("what to hear")
    what.add_argument("--keywords", metavar="FILE", help="phrases to listen for, one per line")
    what.add_argument(
        "--sentences", metavar="FILE", help="sentences.yaml: whole sentences, armed by keywords or on their own"
    )
    what.add_argument(
        "--model", metavar="NAME|DIR", help="a model (kwsctl models list) or its directory; kwsd-en comes with kwsd"
    )
    what.add_argument(
        "--chunk-ms", type=int, metavar="N", help="320, or 160 to be told sooner at a higher cost, where a model can"
    )
    what.add_argument("--threshold", type=number, metavar="X", help="score that fires, 0 to 1; higher is stricter")
    what.add_argument(
        "--boost", type=number, metavar="X", help="how much the search leans towards the phrases, 0 to 20"
    )
    what.add_argument(
        "--fallback",
        choices=("off", "alongside", "only", "auto"),
        help="the ten fixed commands (yes, no, up, …): beside the model, instead of it, or when it cannot",
    )
    where = parser.add_argument_group("where to listen")
    where.add_argument(
        "--input",
        nargs="+",
        action="extend",
        metavar="mic|FILE|-",
        help="microphone, audio files, or - for stdin: s16le 16 kHz, or as --raw says",
    )
    where.add_argument("-d", "--device", metavar="NAME", help="microphone: words of its name, or its number")
    where.add_argument("--channel", type=int, metavar="N", help="use only this channel, counted from 1")
    where.add_argument("--raw", metavar="FORMAT", help=RAW_HELP)
    where.add_argument("-l", "--list-devices", action="store_true", help="name the microphones and exit")
    _add_service(parser.add_argument_group("as a service (docs/daemon.md)"))
    _add_general(parser.add_argument_group("general"))
    return parser


def _add_service(service: Any) -> None:
    service.add_argument("--socket", metavar="PATH", help="where subscribers connect; see kwsctl listen")
    service.add_argument("--exec", metavar="COMMAND", help="run for every detection, with $KWSD_KEYWORD and so on")
    service.add_argument("--clips", action="store_true", help="keep the last 10 s of sound for kwsctl clip")
    service.add_argument("--save-detections", metavar="DIR", help="save the sound of every detection as a WAV file")
    service.add_argument("--save-orders", metavar="DIR", help="save what is said behind keywords that listen")


def _add_general(general: Any) -> None:
    general.add_argument(
        "--no-quiet-gate", action="store_true", help="hear a quiet room as closely as a loud one, at full cost"
    )
    general.add_argument("--no-automatic-gain", action="store_true", help="hear faint speech as faint as it is")
    general.add_argument("--json", action="store_true", help="print JSON lines")
    general.add_argument("--config", type=Path, metavar="FILE.toml", help="settings, instead of the usual config.toml")
    general.add_argument("--print-config", action="store_true", help="print the settings in force as TOML and exit")
    general.add_argument("-v", "--verbose", action="store_true", help="log more, and show tracebacks")
    general.add_argument("--version", action="version", version=f"kwsd {__version__}")


def _run(arguments: argparse.Namespace) -> int:
    if arguments.list_devices:
        from kwsd.audio.portaudio import describe_devices  # noqa: PLC0415 - loads PortAudio

        print(describe_devices() or "there is no microphone")
        return 0
    _import_without("hashlib", "_hashlib")
    from kwsd.config import load_settings  # noqa: PLC0415 - --help and --version need no settings

    loaded = load_settings(_flags(arguments), file=arguments.config)
    start_logging("kwsd", verbose=loaded.settings.verbose)
    if loaded.origins.get("device") == "--device" and "mic" not in loaded.settings.input:
        raise FlagError(f"--device names a microphone, but --input {loaded.settings.input[0]} is heard: leave one out")
    if arguments.print_config:
        from kwsd.config.show import to_toml  # noqa: PLC0415 - likewise

        print(to_toml(loaded), end="")
        return 0
    if loaded.settings.is_service or _asked_for_outlets(loaded):
        by_default = "input" not in loaded.origins and loaded.settings.keywords
        if by_default and "INVOCATION_ID" not in os.environ and comes_by_stdin():
            logger.warning("the microphone is heard, not what comes on standard input; --input - hears that")
        signal.signal(
            signal.SIGCHLD, signal.SIG_DFL
        )  # a parent that ignores it passes that on, and no hook's end is known
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGCHLD})
        signal.signal(signal.SIGTERM, lambda *_: sys.exit(DONE))  # until the daemon has an ear for it
        _import_without("asyncio", "ssl")
        from kwsd.daemon.memory import steady_heap  # noqa: PLC0415 - files do without asyncio and what the daemon has

        steady_heap()
        load = None
        if loaded.settings.fallback.mode != "only":
            from kwsd.daemon.early_model import EarlyModel  # noqa: PLC0415 - onnxruntime

            load = EarlyModel(loaded.settings.model, loaded.settings.chunk_ms).load
        from kwsd.cli.run_daemon import serve  # noqa: PLC0415 - while the model loads

        serve(loaded, load)
    from kwsd.cli.run_files import spot  # noqa: PLC0415 - numpy and onnxruntime

    return spot(loaded)


def _import_without(module: str, absent: str) -> None:
    """Let a module of the standard library do without another, as it does where that cannot be imported.

    asyncio does without `ssl`, and hashlib without `_hashlib`: OpenSSL takes 4.5 MiB that Unix sockets and a checksum
    have no use for. Whoever imports it later on gets it.
    """
    if not {module, absent} & set(sys.modules):
        sys.modules[absent] = None  # type: ignore[assignment]
        import_module(module)
        del sys.modules[absent]


def _asked_for_outlets(loaded: Any) -> bool:
    """Whether flags ask for what the daemon alone does. Those of its settings are for the daemon, not for any file."""
    given = {key for key, origin in loaded.origins.items() if origin.startswith("--")}
    if "daemon.clips" in given and not loaded.settings.is_service:
        raise FlagError("--clips: `kwsctl clip` asks for them over a socket; add --socket PATH")
    return bool(given & {"daemon.exec", "daemon.save_detections", "daemon.save_orders"})


def _flags(arguments: argparse.Namespace) -> Mapping[str, Any]:
    """Dotted key of the setting → value, None where the flag was not given."""
    return {
        "keywords": arguments.keywords,
        "sentences": arguments.sentences,
        "model": arguments.model,
        "chunk_ms": arguments.chunk_ms,
        "input": tuple(arguments.input) if arguments.input else None,
        "device": arguments.device,
        "channel": arguments.channel,
        "raw": arguments.raw,
        "quiet_gate": False if arguments.no_quiet_gate else None,
        "automatic_gain": False if arguments.no_automatic_gain else None,
        "json": arguments.json or None,
        "verbose": arguments.verbose or None,
        "fallback.mode": arguments.fallback,
        "search.threshold": arguments.threshold,
        "search.boost": arguments.boost,
        "daemon.socket": arguments.socket,
        "daemon.exec": arguments.exec,
        "daemon.clips": arguments.clips or None,
        "daemon.save_detections": arguments.save_detections,
        "daemon.save_orders": arguments.save_orders,
    }
