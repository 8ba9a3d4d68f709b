"""What Home Assistant says, played by a program of the user's: a WAV file on its standard input."""

import asyncio
import logging
import os
import signal
from contextlib import suppress

from kwsd.command_lines import command_line
from kwsd.errors import reason

logger = logging.getLogger(__name__)

KILL_AFTER_S = 2.0
"""Between the request to end and the order."""


class Player:
    """One answer at a time."""

    def __init__(self, command: str) -> None:
        """Raises ConfigError, as `command_line` does."""
        self._arguments = command_line("play", command, "one that plays a WAV file, such as aplay -q -")
        self._process: asyncio.subprocess.Process | None = None
        self._turn = 0

    async def play(self, wav: bytes) -> None:
        """To its end, or until it is stopped; another that is playing is."""
        self.stop()
        turn = self._turn
        try:
            process = await asyncio.create_subprocess_exec(
                *self._arguments, stdin=asyncio.subprocess.PIPE, start_new_session=True
            )
        except OSError as error:
            logger.warning("play: %s: %s", self._arguments[0], reason(error))
            return
        if turn == self._turn:
            self._process = process
        else:  # it was stopped before it had begun
            end(process, signal.SIGKILL)
        await process.communicate(wav)
        if process is self._process:
            self._process = None
            if process.returncode:
                logger.warning("play: %s exited with %d", self._arguments[0], process.returncode)

    def stop(self, how: signal.Signals = signal.SIGTERM) -> None:
        """Silence."""
        process, self._process = self._process, None
        self._turn += 1
        if process is not None:
            end(process, how)
            asyncio.get_running_loop().call_later(KILL_AFTER_S, end, process, signal.SIGKILL)


def end(process: asyncio.subprocess.Process, number: signal.Signals) -> None:
    """Signal a program, and what it has started, if it still runs."""
    if process.returncode is None:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, number)
