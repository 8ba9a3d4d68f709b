"""`kwsctl install-service` and `remove-service`: kwsd as a service of systemd, put in place and taken away."""

import argparse
import logging
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from kwsd.errors import DONE, FlagError

logger = logging.getLogger(__name__)

EPILOG = """\
examples:
  kwsctl install-service --user               a desktop: PipeWire or PulseAudio, starts with the session
  sudo "$(which kwsctl)" install-service      a machine without a desktop: ALSA, starts at boot
  kwsctl install-service --user               again, after an upgrade of kwsd
  kwsctl remove-service --user                settings, keywords, clips and state stay

Without --user and --system it is --system for root and --user for everybody else. Settings and keyword file are written
once and never changed again; own changes of the units belong into `systemctl edit kwsd`.
The bridges' units come with it and are started by who wants them: systemctl enable --now kwsd-mqtt."""


def add_parsers(subparsers: Any) -> None:
    """Declare both."""
    install = subparsers.add_parser(
        "install-service",
        help="make kwsd a service of systemd, or bring it up to date",
        description="Make this kwsd a service of systemd, and start it; again after every upgrade.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    install.set_defaults(run=run_install)
    remove = subparsers.add_parser(
        "remove-service",
        help="take the service away",
        description="Stop the service and take away what install-service put in place, but no file of yours.",
    )
    remove.set_defaults(run=run_remove)
    for parser in (install, remove):
        scope = parser.add_mutually_exclusive_group()
        scope.add_argument("--user", action="store_const", const="user", dest="scope", help="of the desktop session")
        scope.add_argument(
            "--system", action="store_const", const="system", dest="scope", help="of the machine; as root"
        )
        parser.add_argument(
            "--root", type=Path, default=Path("/"), metavar="DIR", help="of a machine's image; nothing is started"
        )
        parser.add_argument("--no-start", action="store_true", help="files only: systemd is not told")


def run_install(arguments: argparse.Namespace) -> int:
    """Raises KwsdError: where it cannot be, with the remedy."""
    from kwsd.setup.places import find_places  # noqa: PLC0415 - `kwsctl --help` needs none of it
    from kwsd.setup.service import BOOTED, install  # noqa: PLC0415 - likewise
    from kwsd.setup.units import running_programs  # noqa: PLC0415 - likewise

    scope = _scope(arguments)
    root = arguments.root.absolute()
    places = find_places(scope, root)
    if scope == "system":
        os.umask(0o022)  # root's own may keep others out, and the service is another user
    outcome = install(places, running_programs(), documents(), start=_starts(arguments))
    for path in outcome.kept:
        if path.is_symlink():
            logger.warning(
                "%s: leads to %s, another kwsd; remove the link and run this again to have this one",
                path,
                path.resolve(),
            )
        else:
            logger.warning("%s: was not as kwsd had left it, and is kept under this name", path)
    print("kwsd is installed and running" if outcome.started else "kwsd is installed; nothing was started")
    edit = "sudoedit" if scope == "system" else "${EDITOR:-nano}"
    print("next:")
    print(f"  {edit} {places.keywords}    # what to listen for; a change takes effect by itself")
    if _starts(arguments) and not BOOTED.is_dir():
        print(f"  kwsd --config {places.settings}    # starts it; systemd does not run here")
    elif not outcome.started:
        told = f"sudo systemctl --root={root} enable" if root != Path("/") else "sudo systemctl enable --now"
        print(f"  {told if scope == 'system' else 'systemctl --user enable --now'} kwsd    # starts it, now and later")
    print("  kwsctl listen    # what is heard, as it is heard")
    print("  kwsctl doctor    # if nothing is")
    return DONE


def run_remove(arguments: argparse.Namespace) -> int:
    """Likewise."""
    from kwsd.setup.places import find_places  # noqa: PLC0415 - likewise
    from kwsd.setup.service import remove  # noqa: PLC0415 - likewise

    places = find_places(_scope(arguments), arguments.root.absolute())
    if not places.record.exists():
        print(f"there is no service that kwsctl install-service --{places.scope} has made")
        return DONE
    for path in remove(places, stop=_starts(arguments)).kept:
        logger.warning("%s: is not as kwsd left it, and stays", path)
    print(f"kwsd is no service any more; {places.config}, clips and state are yours and stay")
    return DONE


def _scope(arguments: argparse.Namespace) -> Any:
    if arguments.scope == "system" and os.geteuid() != 0 and arguments.root == Path("/"):
        raise FlagError('--system: is for root: sudo "$(which kwsctl)" …; --user is for the desktop session')
    return arguments.scope or ("system" if os.geteuid() == 0 else "user")


def _starts(arguments: argparse.Namespace) -> bool:
    return arguments.root == Path("/") and not arguments.no_start


def documents() -> Mapping[Path, str]:
    """Completions and man pages, by their place below a `share` directory."""
    from kwsd.cli.ctl_completions import completions_of  # noqa: PLC0415 - likewise
    from kwsd.cli.man_pages import man_page  # noqa: PLC0415 - likewise
    from kwsd.cli.programs import make_parsers  # noqa: PLC0415 - likewise

    documents: dict[Path, str] = {}
    for name, parser in make_parsers().items():
        documents[Path("bash-completion/completions", name)] = completions_of(parser, "bash")
        documents[Path("zsh/site-functions", f"_{name}")] = completions_of(parser, "zsh")
        documents[Path("fish/vendor_completions.d", f"{name}.fish")] = completions_of(parser, "fish")
        documents[Path("man/man1", f"{name}.1")] = man_page(parser)
    return documents
