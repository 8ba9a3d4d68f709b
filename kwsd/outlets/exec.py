"""`--exec`: a command run for every detection and order, bounded in number and time, never through a shell."""

import asyncio
import logging
import os
import signal
from collections.abc import Mapping
from contextlib import suppress

from kwsd.audio.wav import wav_bytes
from kwsd.command_lines import command_line
from kwsd.errors import reason
from kwsd.events import Detection
from kwsd.orders import SpeechEnd
from kwsd.outlets.recent_audio import RecentAudio
from kwsd.records import Record
from kwsd.timebase import samples

logger = logging.getLogger(__name__)

LOGGED_BYTES = 4096  # of what one run writes
_READ_BYTES = 65_536
_KILL_AFTER_S = 2.0  # between the request to end and the order


class ExecOutlet:
    """Runs the command with the fields of each detection in its environment, as KWSD_KEYWORD and so on.

    Of an order behind a keyword it is run as well, with those of its `speech_end`, and is given the sound as a WAV file
    on standard input.
    """

    wants = frozenset({Detection.type, SpeechEnd.type})

    def __init__(self, command: str, *, limit: int, timeout_s: float, recent: Mapping[str, RecentAudio]) -> None:
        """`recent` has the sound of orders, by source; the rest as in the settings exec, exec_limit and exec_timeout_s.

        Raises ConfigError, as `command_line` does.
        """
        self.arguments = command_line("exec", command)
        self.skipped = 0
        """Detections and orders for which it was not run, because `limit` of them were still running."""
        self._recent = recent
        self._limit = limit
        self._timeout_s = timeout_s
        self._running: set[asyncio.Task[None]] = set()
        self._complained = False
        self._outputs: set[HookOutput] = set()

    def take(self, event: Record) -> None:
        """Start the command, unless too many are running."""
        if not isinstance(event, Detection | SpeechEnd) or event.keyword is None:  # a program's order is its own
            return
        if len(self._running) >= self._limit:
            self.skipped += 1
            if not self._complained:
                logger.warning("exec: %d of %s still run; skipping detections", self._limit, self.arguments[0])
            self._complained = True
            return
        self._complained = False
        wav = b""
        if isinstance(event, SpeechEnd):
            wav = wav_bytes(self._recent[event.source].cut(samples(event.sound_start), samples(event.sound_end))[1])
        task = asyncio.create_task(self._run(event, wav))
        self._running.add(task)
        task.add_done_callback(self._running.discard)

    async def close(self, deadline_s: float) -> None:
        """Let those that run come to their end, for so long at most; then they are ended."""
        if self._running:
            await asyncio.wait(self._running, timeout=deadline_s)
        for task in self._running:
            task.cancel()
        await asyncio.gather(*self._running, return_exceptions=True)
        for output in tuple(self._outputs):
            output.take()
            output.close()

    async def _run(self, event: Detection | SpeechEnd, wav: bytes) -> None:
        output = HookOutput(self.arguments[0], self._outputs)
        try:
            process = await asyncio.create_subprocess_exec(
                *self.arguments,
                stdin=asyncio.subprocess.PIPE if wav else asyncio.subprocess.DEVNULL,
                stdout=output.writing_end,
                stderr=output.writing_end,
                env={**os.environ, **environment(event)},
                start_new_session=True,  # so that its children can be ended with it
            )
        except (OSError, ValueError) as error:
            logger.warning("exec: %s: %s", self.arguments[0], reason(error))
            return
        finally:
            os.close(output.writing_end)
        try:
            await asyncio.wait_for(process.communicate(wav or None), self._timeout_s)
        except TimeoutError:
            logger.warning("exec: %s ended after %g s", self.arguments[0], self._timeout_s)
            _signal(process, signal.SIGTERM)
            with suppress(TimeoutError):
                await asyncio.wait_for(process.wait(), _KILL_AFTER_S)
            await _kill(process)
        except asyncio.CancelledError:
            await _kill(process)
            raise
        else:
            if process.returncode:
                logger.warning("exec: %s exited with %d", self.arguments[0], process.returncode)


class HookOutput:
    """What one run writes, and its children, which may live on: the beginning is logged, the rest is not kept."""

    def __init__(self, name: str, those_open: "set[HookOutput]") -> None:
        """It adds itself to those that are open, and takes itself out at the end of what is written."""
        self._name = name
        self._open = those_open
        self._logged_bytes = 0
        self._loop = asyncio.get_running_loop()
        self._reading_end, self.writing_end = os.pipe()
        """The latter is the caller's to close."""
        os.set_blocking(self._reading_end, False)
        self._loop.add_reader(self._reading_end, self.take)
        those_open.add(self)

    def take(self) -> None:
        """What has come."""
        with suppress(BlockingIOError):
            data = os.read(self._reading_end, _READ_BYTES)
            told = data[: max(0, LOGGED_BYTES - self._logged_bytes)]
            self._logged_bytes += len(data)
            for line in told.decode(errors="replace").splitlines():
                logger.info("exec: %s: %s", self._name, line)
            if len(told) < len(data) and told:
                logger.info("exec: %s writes more than %d bytes, which are not logged", self._name, LOGGED_BYTES)
            if not data:
                self.close()

    def close(self) -> None:
        """Nothing more is read."""
        if self in self._open:
            self._open.discard(self)
            self._loop.remove_reader(self._reading_end)
            os.close(self._reading_end)


def environment(event: Detection | SpeechEnd) -> dict[str, str]:
    """Event → the variables its command sees: KWSD_TYPE, KWSD_KEYWORD, KWSD_START, KWSD_SCORE and so on."""
    given = {f"KWSD_{name.upper()}": "" if value is None else str(value) for name, value in event.fields().items()}
    if isinstance(event, Detection):
        given |= {"KWSD_TOKENS": " ".join(event.tokens), "KWSD_TIMESTAMPS": " ".join(map(str, event.timestamps))}
    return given


async def _kill(process: asyncio.subprocess.Process) -> None:
    _signal(process, signal.SIGKILL)
    await process.wait()


def _signal(process: asyncio.subprocess.Process, number: signal.Signals) -> None:
    with suppress(ProcessLookupError):
        os.killpg(process.pid, number)
