"""`kwsctl doctor`: what keeps kwsd from hearing? Looks at all it depends on, and says what to do about each."""

import argparse
from contextlib import closing
from pathlib import Path
from typing import Any

from kwsd.cli.connect import add_socket_argument, socket_of
from kwsd.cli.terminal import say
from kwsd.errors import DONE, FAILED, KwsdError, reason
from kwsd.protocol.connection import DaemonConnection
from kwsd.small_files import write_private

EPILOG = """\
examples:
  kwsctl doctor                                     model, microphone, permissions, units, socket, load, clock
  kwsctl doctor --config /etc/kwsd/config.toml      of a service with settings of its own
  kwsctl doctor --bundle report.json                and one file for a bug report
  kwsctl doctor --bundle report.json --allow keywords
The file holds no sound; names of people, machines and microphones, and keywords, only where --allow says so.
exit codes: 0 nothing is wrong, 1 something is."""


def add_parser(subparsers: Any) -> argparse.ArgumentParser:
    """Declare `doctor`."""
    parser: argparse.ArgumentParser = subparsers.add_parser(
        "doctor",
        help="look for what keeps kwsd from hearing",
        description=(__doc__ or "").splitlines()[0],
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--json", action="store_true", help="print a JSON object per finding")
    parser.add_argument("--bundle", type=Path, metavar="FILE", help="write what was found for a bug report")
    parser.add_argument(
        "--allow", nargs="+", default=(), choices=("keywords", "names"), help="what else the bundle may hold"
    )
    parser.add_argument("--keywords", metavar="FILE", help="phrases to look at, instead of the settings'")
    parser.add_argument("--model", metavar="NAME|DIR", help="model to look at, instead of the settings'")
    parser.add_argument("--device", metavar="NAME", help="microphone to look at, instead of the settings'")
    add_socket_argument(parser)
    return parser


def run(arguments: argparse.Namespace) -> int:
    """Look, say, write; 1 where something is wrong."""
    from kwsd.cli import bug_report, doctor  # noqa: PLC0415 - numpy, pydantic and PortAudio; `kwsctl --help` does without
    from kwsd.config import LoadedSettings, Settings, load_settings  # noqa: PLC0415 - likewise
    from kwsd.protocol.socket_path import find_socket  # noqa: PLC0415 - likewise

    flags = {name: getattr(arguments, name) for name in ("keywords", "model", "device")}
    loaded, mistake, socket = LoadedSettings(Settings(), None, {}), "", arguments.socket or find_socket()
    try:
        loaded = load_settings(flags, file=arguments.config)
        socket = socket_of(arguments)
    except KwsdError as error:
        mistake = str(error)
    status, silent_because = None, ""
    try:
        with closing(DaemonConnection(socket, arguments.timeout)) as client:
            status = client.ask("status")
    except KwsdError as error:
        silent_because = str(error)
    patient = doctor.Patient(loaded, mistake, socket, status, silent_because)
    findings = []
    for finding in doctor.examine(patient):
        findings.append(finding)
        say(doctor.as_json(finding) if arguments.json else human_text(finding))
    if arguments.bundle is not None:
        report = bug_report.make_report(patient, findings, arguments.allow)
        try:
            write_private(arguments.bundle, report)
        except OSError as error:
            raise KwsdError(f"{arguments.bundle}: cannot be written: {reason(error)}; give another --bundle") from None
        if not arguments.json:
            say(f"{arguments.bundle}: for a bug report; read it before you send it")
    return FAILED if any(finding.verdict == "wrong" for finding in findings) else DONE


def human_text(finding: Any) -> str:
    """What was seen, and below it what to do."""
    mark = "" if finding.verdict == "well" else f"{finding.verdict}: "
    lines = f"{mark}{finding.what}".splitlines() + ([f"→ {finding.remedy}"] if finding.remedy else [])
    return "\n".join([f"{finding.area:<12}{lines[0]}", *(f"{'':<12}{line}" for line in lines[1:])])
