"""Command lines of the user's: a program of theirs and its arguments, which no shell reads."""

import re
import shlex
import shutil
from pathlib import Path

from kwsd.errors import ConfigError
from kwsd.homes import exists, expanded, is_directory

_SHELL_SIGNS = {"<", ">", ">>", "|", "&", "&&", "||", ";", "2>", "2>>", "2>&1", "&>"}
_SHELL_WORDS = re.compile(r"^~/|\$KWSD_|\$HOME")
_SHELLS = {"sh", "bash", "dash", "zsh", "ksh", "fish", "busybox", "env"}


def command_line(setting: str, command: str, what: str = "a program") -> list[str]:
    """The program and its arguments; `~` before the program is a home.

    Args:
        setting: what it was given to, named in what is said of it.
        command: as the user has written it.
        what: should be there, in the words of the remedy.

    Raises:
        ConfigError: there is no such program, it may not be run, or a shell would be needed to read it.
    """
    try:
        arguments = shlex.split(command)
    except ValueError as error:
        raise ConfigError(f"{setting}: {command}: {error}; quote a quotation mark that is meant as one") from None
    if not arguments:
        raise ConfigError(f"{setting}: there is nothing to run; give {what}, or leave {setting} out")
    if arguments[0].startswith("~"):
        arguments[0] = str(expanded(arguments[0]))
    if shutil.which(arguments[0]) is None:
        path = Path(arguments[0])
        remedy = f"no such program; give {what}, by its full path if need be"
        if path.name != arguments[0] and exists(path):
            is_folder = is_directory(path)
            remedy = (
                "is a directory; give the program in it" if is_folder else f"may not be run; chmod +x {arguments[0]}"
            )
        raise ConfigError(f"{setting}: {command}: {remedy}")
    for_shell = (word for word in arguments[1:] if word in _SHELL_SIGNS or _SHELL_WORDS.search(word))
    meant = next(for_shell, None)
    if meant is not None and Path(arguments[0]).name not in _SHELLS:
        remedy = f"sh -c {shlex.quote(command)}"
        raise ConfigError(
            f"{setting}: no shell runs it, so {meant} would be an argument of {arguments[0]}; write {remedy}"
        )
    return arguments
