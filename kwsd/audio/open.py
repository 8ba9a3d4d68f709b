"""`--input` as typed → the source it names."""

import shlex

from kwsd.audio.file import FileSource, NoFileError
from kwsd.audio.microphone import MicrophoneSource
from kwsd.audio.pipe import stdin_source
from kwsd.audio.source import Source
from kwsd.errors import AudioError
from kwsd.homes import expanded

MICROPHONE = "mic"
STDIN = "-"


def open_source(
    spec: str, device: str | int | None = None, channel: int | None = None, raw: str | None = None
) -> Source:
    """`mic` (which `device` and `channel` belong to), `-` for stdin, or an audio file; a file called mic is ./mic.

    `channel` is counted from 1. Without it a microphone gives its first with sound, a file the mix.
    `raw` is what sound without a header holds. Raises AudioError.
    """
    if spec == MICROPHONE:
        return MicrophoneSource(device, channel)
    if spec in {STDIN, "/dev/stdin", "/dev/fd/0"}:
        return stdin_source(channel, raw)
    if "://" in spec:
        raise AudioError(
            f"{spec} is an address; fetch it into a pipe: curl -fsSL {shlex.quote(spec)} | kwsd --input - …"
        )
    if not spec:
        raise AudioError("--input is empty: it takes an audio file, mic, or - for stdin")
    try:
        return FileSource(expanded(spec), channel, raw)
    except NoFileError as error:
        raise AudioError(f"{error}, mic, or - for stdin, such as what a pipe brings") from error
