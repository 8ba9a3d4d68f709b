"""Exceptions in, exit codes out."""

import argparse
import io
import logging
import os
import sys
from collections.abc import Callable, Iterable, Sequence
from contextlib import redirect_stdout
from importlib.util import find_spec

from kwsd.cli.arguments import parse
from kwsd.cli.logs import start_logging
from kwsd.cli.terminal import tame_streams
from kwsd.errors import DONE, FAILED, INTERRUPTED, ConfigError, KwsdError

logger = logging.getLogger(__name__)


def run_program(
    parser: argparse.ArgumentParser, run: Callable[[argparse.Namespace], int], argv: Sequence[str] | None
) -> int:
    """Read the arguments (those of the process where there are none) and run what they ask for; the exit code."""
    tame_streams()
    start_logging(parser.prog, verbose=False)

    def parse_and_run() -> int:
        try:
            with redirect_stdout(io.StringIO()) as printed:  # argparse passes over it when help cannot be written
                arguments = parse(parser, argv)
        except SystemExit as end:
            sys.stdout.write(printed.getvalue())
            exit_code = int(end.code or DONE)
        else:
            start_logging(parser.prog, verbose=arguments.verbose)
            exit_code = run(arguments)
        sys.stdout.flush()  # here, where a disk that is full can still be told
        return exit_code

    return guarded(parse_and_run)


def guarded(command: Callable[[], int]) -> int:
    """Run a command; whatever goes wrong becomes a message on stderr and an exit code, never a traceback.

    A reader that goes away (`kwsd … | head`) and Ctrl-C end it quietly.
    """
    try:
        return command()
    except KwsdError as error:
        logger.error("%s", error)  # noqa: TRY400 - the message is for a person, who has no use for a traceback
        return error.exit_code
    except BrokenPipeError:
        _forget_stdout()
        return DONE
    except KeyboardInterrupt:
        return INTERRUPTED
    except OSError as error:  # the machine's doing, not a mistake of kwsd's
        where = "cannot write to standard output" if error.filename is None else error.filename
        _forget_stdout()
        logger.error("%s: %s", where, error.strerror or error)  # noqa: TRY400
        return FAILED
    except Exception as error:
        wanted = logger.isEnabledFor(logging.DEBUG)
        if isinstance(error, MemoryError):
            what, hint = "there is not enough memory", "; `ulimit -v` and MemoryMax= limit it, too"
        else:
            what, hint = f"internal error: {type(error).__name__}: {error}", "" if wanted else "; -v shows where"
        logger.error("%s%s", what, hint, exc_info=wanted)  # noqa: TRY400 - as above
        return FAILED


def require_extra(extra: str, libraries: Iterable[str]) -> None:
    """Raise ConfigError naming the extra that brings these libraries, where one is missing."""
    missing = [name for name in libraries if find_spec(name) is None]
    if missing:
        verb, it = ("is", "it comes") if len(missing) == 1 else ("are", "they come")
        listed = " and ".join([", ".join(missing[:-1]), missing[-1]] if missing[:-1] else missing)
        raise ConfigError(f"{listed} {verb} not installed; {it} with: pip install 'kwsd[{extra}]'")


def _forget_stdout() -> None:
    """Nobody reads it any more; without this the interpreter would complain when it flushes stdout at its end."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
