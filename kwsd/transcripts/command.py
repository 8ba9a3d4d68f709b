"""Another program as transcriber: a WAV file on its standard input, text or JSON on its standard output."""

from __future__ import annotations

import logging
import math
import os
import selectors
import signal
import subprocess
import tempfile
import time
from collections.abc import Sequence
from contextlib import suppress
from typing import Any

from kwsd.command_lines import command_line
from kwsd.errors import TranscriptError
from kwsd.intents import SpokenWord
from kwsd.small_files import parse_json
from kwsd.stream import Chunk, Frames
from kwsd.transcripts.interface import Transcription
from kwsd.transcripts.utterance import Utterance

logger = logging.getLogger(__name__)

LONGEST_OUTPUT = 1 << 20
"""Bytes; what is longer is no transcript of a minute."""
MOST_LETTERS, MOST_LETTERS_PER_S = 4000, 100
"""Of a text, and for each second of its sound: far more than is said, or than a recogniser repeats."""
MOST_UNSEEN = 0.2
"""Of a text's signs that may be such as nobody can see; what has more is no text but bytes of something else."""
KEPT_ERRORS = 2048
"""Bytes of the beginning, and of the end, of what a program writes on its standard error."""
_JOINERS = "\u200c\u200d\u00ad"
"""Unseen, and part of how words are written."""
POLL_S = 0.01
"""So often it is looked whether a program that has closed its standard output has ended."""


class CommandTranscriber:
    """Runs the program once, at the end of the utterance. It is never run through a shell."""

    def __init__(self, command: str, timeout_s: float) -> None:
        """`timeout_s` is what the program may take. Raises ConfigError, as `command_line` does."""
        self._arguments = command_line("command", command)
        self._timeout_s = timeout_s
        self._utterance = Utterance()
        self._process: subprocess.Popen[bytes] | None = None
        self._cancelled = False

    def push(self, chunk: Chunk, frames: Sequence[Frames]) -> None:  # noqa: ARG002 - it hears the sound itself
        """Keep the sound. Raises TranscriptError: it is longer than any order."""
        self._utterance.push(chunk)

    def finish(self) -> Transcription:
        """Run the program. Raises TranscriptError: it cannot be started, takes too long, fails, or writes no text.

        What it writes on its standard error is logged where it fails, and with -v where it does not.
        """
        name, errors, level = self._arguments[0], bytearray(), logging.INFO
        with tempfile.TemporaryFile() as sound:  # a pipe would want a second thread: who writes may not read meanwhile
            try:
                sound.write(self._utterance.wav())
                sound.seek(0)
                self._process = subprocess.Popen(  # noqa: S603 - the user's own command, not through a shell
                    self._arguments,
                    stdin=sound,
                    stdout=subprocess.PIPE,
                    stderr=subprocess.PIPE,
                    start_new_session=True,  # so that its children end with it
                )
            except OSError as error:
                raise TranscriptError(f"{name}: cannot be run: {error.strerror}") from error
        if self._cancelled:
            self.cancel()
        try:
            with self._process:  # closes its pipes
                try:
                    output = output_of(self._process, self._timeout_s, name, errors)
                finally:
                    end_group(self._process)
            if self._cancelled:
                raise TranscriptError("the transcript was called off")
            if self._process.returncode:
                said = [f": {line}" for line in errors.decode(errors="replace").splitlines()]
                raise TranscriptError(f"{name}: exited with {self._process.returncode}{''.join(said[-1:])}")
            told = parse_output(output, name, self._utterance)
            level = logging.DEBUG
        finally:
            for line in errors.decode(errors="replace").splitlines():
                logger.log(level, "%s: %s", name, line)
        return told

    def cancel(self) -> None:
        """End the program, where it runs."""
        self._cancelled = True
        if self._process is not None:
            end_group(self._process)


def output_of(process: subprocess.Popen[bytes], timeout_s: float, name: str, errors: bytearray) -> bytes:
    """All that a process writes until it ends; beginning and end of what it writes on standard error into `errors`.

    Raises TranscriptError: that is too much, or takes too long.
    """
    if process.stdout is None or process.stderr is None:
        raise ValueError(f"{name}: its output is no pipe")
    output, until_s, is_open, has_ended = bytearray(), time.monotonic() + timeout_s, True, False
    with selectors.DefaultSelector() as ready:
        ready.register(process.stdout, selectors.EVENT_READ)
        ready.register(process.stderr, selectors.EVENT_READ)
        while not has_ended:
            has_ended = not is_open and process.poll() is not None  # what it wrote before that is read once more
            left_s = until_s - time.monotonic()
            if left_s <= 0:
                raise TranscriptError(f"{name}: wrote nothing within {timeout_s:g} s, and was ended")
            for key, _ in ready.select(left_s if is_open else 0 if has_ended else min(left_s, POLL_S)):
                piece = os.read(key.fd, 1 << 16)
                if not piece:
                    ready.unregister(key.fileobj)
                    is_open = is_open and key.fileobj is not process.stdout
                elif key.fileobj is process.stdout:
                    output += piece
                else:
                    errors += piece
                    errors[KEPT_ERRORS:-KEPT_ERRORS] = b""
            if len(output) > LONGEST_OUTPUT:
                raise TranscriptError(
                    f"{name}: wrote more than {LONGEST_OUTPUT >> 20} MiB, which is no transcript, and was ended"
                )
    return bytes(output)


def parse_output(output: bytes, name: str, utterance: Utterance) -> Transcription:
    """Plain text, or an object with `text` and perhaps `words`, each with `text` (or `word`), `start` and `end`.

    Raises:
        TranscriptError: it is neither, or more than can be said.
    """
    try:
        text = output.decode("utf-8-sig").strip()
    except UnicodeDecodeError:
        raise TranscriptError(f"{name}: wrote what is not UTF-8; it is to write text or a JSON object") from None
    try:
        if not text.startswith("{"):
            told = Transcription(spoken_text(text))
        else:
            tree = parse_json(text)
            words = [spoken_word(word, utterance.start_s) for word in tree.get("words") or ()]
            text = tree["text"]
            told = Transcription(spoken_text(text), tuple(word for word in words if word.text), _confidence(tree))
    except UnicodeError as error:
        raise TranscriptError(f"{name}: wrote {error}, which is no text") from None
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise TranscriptError(
            f'{name}: wrote JSON that is no transcript ({type(error).__name__}: {error}); wanted is {{"text": …, '
            '"words": [{"text": …, "start": …, "end": …}]}'
        ) from None
    written = max(len(told.text), sum(len(word.text) + 1 for word in told.words))
    if written > (most := MOST_LETTERS + round(MOST_LETTERS_PER_S * utterance.length_s)):
        raise TranscriptError(
            f"{name}: wrote {written} letters for {utterance.length_s:.1f} s of sound, and {most} are the most that is "
            "a transcript"
        )
    if stray := unseen(text):
        logger.warning("%s: wrote U+%04X, which nobody can see or say; it is left out", name, ord(stray[0]))
    return told


def spoken_text(told: object) -> str:
    """What is said, words apart by blanks, without a stray sign that nobody can see or say: no order is lost for one.

    Raises:
        TypeError: it is no text.
        UnicodeError: what it has that is none, where that is much or commands a terminal.
    """
    if not isinstance(told, str):
        raise TypeError(f"{told!r:.40} is no text")
    stray = unseen(told)
    if "\x1b" in stray or len(stray) > max(1, len(told) * MOST_UNSEEN):
        raise UnicodeError(f"U+{ord(stray[0]):04X}")
    return " ".join("".join(letter for letter in told if letter not in stray).split())


def unseen(text: str) -> str:
    """What in it nobody can see or say: control signs, marks of direction and of byte order."""
    return "".join(letter for letter in text if not (letter.isprintable() or letter.isspace() or letter in _JOINERS))


def spoken_word(tree: dict[str, Any], start_s: float) -> SpokenWord:
    """A word of the JSON. Raises ValueError, KeyError or TypeError: it is none."""
    text, start, end = spoken_text(tree["text" if "text" in tree else "word"]), float(tree["start"]), float(tree["end"])
    if not (math.isfinite(start) and math.isfinite(end) and 0 <= start <= end):
        raise ValueError(f"{text}: start and end are not seconds in order")
    return SpokenWord(text, round(start_s + start, 6), round(start_s + end, 6), _confidence(tree))


def _confidence(tree: dict[str, Any]) -> float | None:
    value = tree.get("confidence")
    if value is None:
        return None
    if not 0 <= float(value) <= 1:
        raise ValueError(f"confidence {value} is not between 0 and 1")
    return float(value)


def end_group(process: subprocess.Popen[bytes]) -> None:
    """End a process that leads a session, with all that it started, where anything still runs."""
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()
