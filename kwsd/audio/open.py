"""`--input` as typed → the source it names."""

from kwsd.audio.file import FileSource
from kwsd.audio.microphone import MicrophoneSource
from kwsd.audio.pipe import stdin_source
from kwsd.audio.source import Source
from kwsd.errors import AudioError
from kwsd.homes import expanded

MICROPHONE = "mic"
STDIN = "-"


def open_source(spec: str, device: str | int | None = None, channel: int | None = None) -> Source:
    """`mic` (which `device` and `channel` belong to), `-` for stdin, or an audio file; a file called mic is ./mic.

    `channel` is counted from 1. Without it a microphone gives its first and a file the mix of all. Raises AudioError.
    """
    if spec == MICROPHONE:
        return MicrophoneSource(device, 1 if channel is None else channel)
    if spec == STDIN:
        if channel not in {None, 1}:
            raise AudioError(f"stdin has one channel, there is no channel {channel}: sox or ffmpeg can pick it before")
        return stdin_source()
    return FileSource(expanded(spec), channel)
