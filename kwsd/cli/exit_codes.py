"""Exceptions in, exit codes out."""

import logging
import os
import sys
from collections.abc import Callable, Iterable
from importlib.util import find_spec

from kwsd.errors import DONE, FAILED, INTERRUPTED, KwsdError

logger = logging.getLogger(__name__)


def guarded(command: Callable[[], int]) -> int:
    """Run a command; whatever goes wrong becomes a message on stderr and an exit code, never a traceback.

    A reader that goes away (`kwsd … | head`) and Ctrl-C end it quietly.
    """
    try:
        exit_code = command()
        if sys.stdout is not None:
            sys.stdout.flush()  # here, where a disk that is full can still be told
    except KwsdError as error:
        logger.error("%s", error)  # noqa: TRY400 - the message is for a person, who has no use for a traceback
        return error.exit_code
    except BrokenPipeError:
        _forget_stdout()
        return DONE
    except KeyboardInterrupt:
        return INTERRUPTED
    except OSError as error:  # the machine's doing, not a mistake of kwsd's
        if error.filename is None:
            _forget_stdout()
        logger.error("%s: %s", error.filename or "cannot write to standard output", error.strerror or error)  # noqa: TRY400
        return FAILED
    except Exception as error:  # noqa: BLE001 - the promise of the docstring: anything at all
        return _unexpected(error)
    return exit_code


def require_extra(extra: str, libraries: Iterable[str]) -> None:
    """Raise KwsdError naming the extra that brings these libraries, where one is missing."""
    missing = [name for name in libraries if find_spec(name) is None]
    if missing:
        raise KwsdError(f"{', '.join(missing)} is not installed; it comes with: pip install 'kwsd[{extra}]'")


def _unexpected(error: Exception) -> int:
    """A mistake of kwsd's own: one line, and the traceback for those who ask."""
    wanted = logger.isEnabledFor(logging.DEBUG)
    hint = "" if wanted else "; -v shows where"
    logger.error("internal error: %s: %s%s", type(error).__name__, error, hint, exc_info=error if wanted else None)
    return FAILED


def _forget_stdout() -> None:
    """Nobody reads it any more; without this the interpreter would complain when it flushes stdout at its end."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
