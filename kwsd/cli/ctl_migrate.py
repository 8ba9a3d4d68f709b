"""`kwsctl migrate`: from an earlier version of kwsd, or another model, to this one."""

import argparse
import os
from pathlib import Path
from typing import Any

from kwsd.errors import DONE, DONE_IN_PART

SYSTEM_STATE = Path("/var/lib/kwsd")
EPILOG = """\
examples:
  kwsctl migrate                         what is yours
  sudo "$(which kwsctl)" migrate         what the system's service has: /etc/kwsd and /var/lib/kwsd
  kwsctl tune clips/ --background radio/ what a threshold of this model is worth

kwsd itself does the same when it starts, but for naming the thresholds: until this command has, it warns of them at
every start. Without --user and --system it is --system for root where the system's service has been, else --user.
Exit codes: 0 all is as it should be, 3 something was told that wants to be looked at, 78 wrong configuration."""


def add_parser(subparsers: Any) -> argparse.ArgumentParser:
    """Declare `migrate`."""
    parser: argparse.ArgumentParser = subparsers.add_parser(
        "migrate",
        help="carry over what an earlier version left",
        description="Carry settings, keywords, state and clips of an earlier version over: a copy is made, state gets "
        "today's form, and thresholds that mean something else with this model are named.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    scope = parser.add_mutually_exclusive_group()
    scope.add_argument("--user", action="store_const", const="user", dest="scope", help="your own")
    scope.add_argument("--system", action="store_const", const="system", dest="scope", help="the machine's; as root")
    parser.add_argument("--config", type=Path, metavar="FILE.toml", help="settings, instead of the usual config.toml")
    parser.add_argument("--state", type=Path, metavar="DIR", help=f"state, if neither yours nor {SYSTEM_STATE}")
    return parser


def run(arguments: argparse.Namespace) -> int:
    """Raises KwsdError, and OSError where the copy cannot be written."""
    from kwsd.config import load_settings  # noqa: PLC0415 - `kwsctl --help` needs none of it
    from kwsd.config.load import SYSTEM_FILE  # noqa: PLC0415 - likewise
    from kwsd.errors import KwsdError  # noqa: PLC0415 - likewise
    from kwsd.homes import state_directory  # noqa: PLC0415 - likewise
    from kwsd.setup.migrate import migrate  # noqa: PLC0415 - likewise

    has_system = os.geteuid() == 0 and (SYSTEM_FILE.is_file() or SYSTEM_STATE.is_dir())
    of_system = (arguments.scope or ("system" if has_system else "user")) == "system"
    config = arguments.config or (SYSTEM_FILE if of_system and SYSTEM_FILE.is_file() else None)
    state = arguments.state or (SYSTEM_STATE if of_system else state_directory())
    if state is None:
        raise KwsdError("nobody knows where you are at home; --state DIR says where state is")
    found = migrate(load_settings({}, file=config), state.absolute(), acknowledged=True)
    if found.before is None:
        print(f"nothing to carry over: all is of kwsd {found.now.kwsd}, with {found.now.thresholds}")
        return DONE
    print(f"from kwsd {found.before.kwsd} to {found.now.kwsd}; a copy of what was there: {found.backup}")
    for line in found.told:
        print(line)
    if found.thresholds:
        print(f"set for {found.before.thresholds}, and kept; for {found.now.thresholds} they mean something else:")
        for line in found.thresholds:
            print(f"  {line}")
        print("measure them anew with `kwsctl tune`, or take them out: the model brings its own")
    return DONE_IN_PART if found.told or found.thresholds else DONE
