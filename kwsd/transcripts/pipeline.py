"""A transformers pipeline as transcriber, in a process of its own: begun when first wanted, ended when idle."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from importlib.util import find_spec
from types import MappingProxyType

from kwsd.errors import ConfigError, TranscriptError
from kwsd.homes import expanded, is_directory
from kwsd.small_files import parse_json
from kwsd.stream import Chunk, Frames
from kwsd.transcripts.command import LONGEST_OUTPUT, end_group, parse_output
from kwsd.transcripts.interface import Transcription
from kwsd.transcripts.utterance import Utterance

DESCRIPTIONS = ("config.json", "adapter_config.json")
"""One of them says what a directory is to transformers."""
LOAD_S = 300.0
"""Until a pipeline is there: torch and a network take their time to come from a disk."""


class PipelineProcess:
    """The process, for any number of utterances, one at a time. Any thread may call it."""

    def __init__(
        self,
        name: str,
        arguments: Sequence[str],
        environment: Mapping[str, str] = MappingProxyType({}),
        *,
        timeout_s: float,
        idle_s: float,
    ) -> None:
        """Nothing is started. `timeout_s` is what a transcript may take, `idle_s` how long it lives unused."""
        self.name = name
        """What errors call it."""
        self._arguments, self._environment = arguments, environment
        self._timeout_s, self._idle_s = timeout_s, idle_s
        self._one_at_a_time = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None
        self._connection: socket.socket | None = None
        self._is_loaded = False
        self._used_s = 0.0

    def start(self) -> None:
        """Begin to load it, so that it is there when somebody has finished speaking. Waits for nothing."""
        if self._one_at_a_time.acquire(blocking=False):  # else it is at work
            with suppress(TranscriptError):  # told when it is asked
                self._start()
            self._one_at_a_time.release()

    def transcribe(self, utterance: Utterance) -> Transcription:
        """What is said. Raises TranscriptError: it did not load, hangs, died, or wrote what is no transcript."""
        samples = utterance.samples().astype("<f4")
        with self._one_at_a_time:
            connection = self._start()
            try:
                if not self._is_loaded:
                    self._told(self._line(connection, time.monotonic() + LOAD_S, f"has not loaded within {LOAD_S:g} s"))
                    self._is_loaded = True
                deadline_s = time.monotonic() + self._timeout_s
                late = f"wrote nothing within {self._timeout_s:g} s"
                try:
                    connection.settimeout(self._timeout_s)
                    connection.sendall(json.dumps({"samples": len(samples)}).encode() + b"\n" + samples.tobytes())
                except (TimeoutError, BrokenPipeError, ConnectionResetError):
                    late = "takes no sound"
                line = self._line(connection, deadline_s, late)
            except TranscriptError:
                self.kill()
                raise
            finally:
                self._used_s = time.monotonic()
        return parse_output(json.dumps(self._told(line)).encode(), self.name, utterance)

    def kill(self) -> None:
        """End it, whatever it does: who waits for it is told that it died. It is started anew for the next one."""
        if self._process is not None:
            end_group(self._process)

    @property
    def is_running(self) -> bool:
        """Whether there is a process, loaded or not."""
        return self._process is not None and self._process.poll() is None

    def _start(self) -> socket.socket:
        if self._connection is not None and self.is_running:
            return self._connection
        self._connection, theirs = socket.socketpair()
        with theirs:
            try:
                self._process = subprocess.Popen(  # noqa: S603 - our own program
                    self._arguments,
                    stdin=theirs.fileno(),
                    stdout=subprocess.DEVNULL,
                    stderr=subprocess.DEVNULL,
                    env={**os.environ, **self._environment},
                    start_new_session=True,
                )
            except OSError as error:
                self._connection.close()
                raise TranscriptError(f"{self.name}: cannot be run: {error.strerror}") from error
        self._is_loaded, self._used_s = False, time.monotonic()
        process, connection = self._process, self._connection

        def end_when_idle() -> None:
            while process.poll() is None:
                time.sleep(min(1.0, self._idle_s / 4))
                with self._one_at_a_time:
                    if time.monotonic() - self._used_s >= self._idle_s:
                        end_group(process)
            with self._one_at_a_time:  # who waits has read why it ended
                connection.close()
                end_group(process)  # what it has left running; later its number may be another's
                if self._process is process:
                    self._process = self._connection = None

        threading.Thread(target=end_when_idle, name="idle", daemon=True).start()
        return connection

    def _line(self, connection: socket.socket, deadline_s: float, late: str) -> bytes:
        """What it says next. Raises TranscriptError."""
        received = b""
        while not received.endswith(b"\n"):
            try:
                connection.settimeout(max(0.001, deadline_s - time.monotonic()))
                part = connection.recv(65_536)
            except TimeoutError:
                raise TranscriptError(f"{self.name}: {late}, and was ended") from None
            except OSError:
                part = b""
            if not part:
                raise TranscriptError(f"{self.name}: died; it is started anew for the next one")
            received += part
            if len(received) > LONGEST_OUTPUT:
                raise TranscriptError(f"{self.name}: wrote more than any transcript, and was ended")
        return received

    def _told(self, line: bytes) -> dict[str, object]:
        """The object of a line. Raises TranscriptError: it is none, or tells an error."""
        try:
            tree = parse_json(line)
        except ValueError:
            tree = None
        if not isinstance(tree, dict):
            raise TranscriptError(f"{self.name}: wrote what is no transcript")
        if "error" in tree:
            raise TranscriptError(f"{self.name}: {tree['error']}")
        return tree


class PipelineTranscriber:
    """One utterance for the process."""

    def __init__(self, process: PipelineProcess) -> None:
        """The process begins to load."""
        self._process = process
        self._utterance = Utterance()
        self._is_asked = self._is_cancelled = False
        process.start()

    def push(self, chunk: Chunk, frames: Sequence[Frames]) -> None:  # noqa: ARG002 - it hears the sound itself
        """Keep the sound. Raises TranscriptError: it is longer than any order."""
        self._utterance.push(chunk)

    def finish(self) -> Transcription:
        """What was said, with times where the pipeline tells them. Raises TranscriptError, as the process does."""
        self._is_asked = True
        try:
            if not self._is_cancelled:
                return self._process.transcribe(self._utterance)
        except TranscriptError:
            if not self._is_cancelled:
                raise
        raise TranscriptError("the transcript was called off")

    def cancel(self) -> None:
        """End the process, where it is at work for this."""
        self._is_cancelled = True
        if self._is_asked:
            self._process.kill()


def pipeline_process(
    model: str, *, allow_downloads: bool, trust_code: bool, timeout_s: float, idle_s: float
) -> PipelineProcess:
    """The process for a model's directory, or its name in a hub where downloads are allowed; nothing is started.

    Raises:
        ConfigError: transformers is not installed, or there is no such directory.
    """
    if not all(map(find_spec, ("transformers", "torch"))):
        raise ConfigError(f"pipeline: {model}: transformers is not installed; it comes with: pip install 'kwsd[asr]'")
    is_local = is_directory(expanded(model))
    if not is_local and not allow_downloads:
        raise ConfigError(f"pipeline: {model}: no such directory; to fetch it from a hub, set allow_downloads = true")
    if is_local and not any((expanded(model) / name).exists() for name in DESCRIPTIONS):
        raise ConfigError(f"pipeline: {model}: has no config.json; give the directory of a transformers model")
    where = str(expanded(model).absolute()) if is_local else model
    command = [sys.executable, "-m", "kwsd.transcripts.pipeline_worker", where, *(["trust"] if trust_code else [])]
    offline = {} if allow_downloads else dict.fromkeys(("HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE"), "1")
    return PipelineProcess(model, command, offline, timeout_s=timeout_s, idle_s=idle_s)
