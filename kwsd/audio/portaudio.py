"""PortAudio's devices: listed, found by name, listed afresh. The only importer of sounddevice."""

import atexit
import itertools
import logging
import threading
from typing import Any

from kwsd.errors import AudioError
from kwsd.quick_dataclass import dataclass
from kwsd.stream import Float32
from kwsd.timebase import SAMPLE_RATE

logger = logging.getLogger(__name__)

LATENCY_S = 0.2  # PortAudio's buffer: rides out that much scheduling delay before anything is lost
MOST_CHANNELS = 24  # PulseAudio claims 32 for whatever it leads to, PipeWire 64 or more
OTHER_RATES_HZ = (48_000, 44_100, 32_000, 8_000)  # should its own be refused as well
CLOSE_S = 1.0  # a device that works closes in a tenth of that

_hanging: list[threading.Thread] = []
"""Closings that have not ended: their sound system hangs, and so would every further call into it."""


@dataclass(frozen=True, slots=True)
class InputDevice:
    """A microphone, or what passes for one."""

    index: int
    """Changes when devices come and go, and between users: good for one command, never for a configuration."""
    name: str
    host_api: str
    """The sound system PortAudio reaches it by, such as ALSA."""
    channels: int
    default_rate_hz: int
    is_default: bool


def portaudio() -> Any:
    """The sounddevice module; AudioError when it cannot start. The devices are listed at the first call and stay."""
    try:
        import sounddevice  # noqa: PLC0415 - loads PortAudio, which files and pipes do without
    except OSError as error:
        raise AudioError(
            f"no microphone without the PortAudio library ({error}); install it: sudo apt install libportaudio2"
        ) from error
    except Exception as error:  # sounddevice starts PortAudio as it is imported, and its error is not importable yet
        raise AudioError(
            f"PortAudio does not start: {error}; does the sound system run (arecord --list-pcms)?"
        ) from error
    return sounddevice


def play(sound: Float32) -> None:
    """Play sound (n,) at 16 kHz to its end. Raises AudioError where nothing can be played."""
    try:
        portaudio().play(sound, SAMPLE_RATE, blocking=True)
    except AudioError:
        raise
    except Exception as error:  # whatever PortAudio raises here means the same
        raise AudioError(f"cannot be played: {error}") from error


def restart_portaudio() -> None:
    """List the devices afresh, so that one plugged in since is found. Close every stream first: none survives this.

    Raises AudioError when PortAudio does not start, or while an earlier `close_stream` still hangs.
    """
    refuse_while_hanging()
    library = portaudio()
    try:
        while library._initialized:  # noqa: SLF001 - zero if the last restart failed half-way
            library._terminate()  # noqa: SLF001 - the only way: PortAudio has no other means to refresh its list
        library._initialize()  # noqa: SLF001 - likewise
    except library.PortAudioError as error:
        raise AudioError(f"PortAudio does not start again: {error}") from error


def close_stream(stream: Any) -> None:
    """Close a stream. When its sound system hangs that may last for ever: after a second it is left to a thread."""
    thread = threading.Thread(target=stream.close, name="close microphone", daemon=True)
    thread.start()
    thread.join(CLOSE_S)
    if thread.is_alive():
        logger.warning("the sound system does not close the microphone; it hangs")
        _hanging.append(thread)
        atexit.unregister(portaudio()._exit_handler)  # noqa: SLF001 - it would hang as well, and kwsd never end


def refuse_while_hanging() -> None:
    """Keep this thread out of what another one is stuck in."""
    if any(thread.is_alive() for thread in _hanging):
        raise AudioError("the sound system hangs; if it does not come back, restart it (or kwsd)")


def list_devices() -> list[InputDevice]:
    """All devices that have an input."""
    library = portaudio()
    default = library.default.device[0]
    return [_record(library, info, default) for info in library.query_devices() if info["max_input_channels"] > 0]


def find_device(wanted: str | int | None) -> InputDevice:
    """The device of that name, of that index, or the default; AudioError that lists all devices when there is none.

    A name is any of its words in order, whatever their case, as in `usb mic`; it may go on into the host API.
    """
    refuse_while_hanging()
    library = portaudio()
    try:
        info = library.query_devices(wanted, "input")
    except (ValueError, library.PortAudioError) as error:
        listing = describe_devices()
        if not listing:
            remedy = "plug one in, or give --input a file or - (arecord --list-pcms shows ALSA's view)"
            raise AudioError(f"there is no microphone; {remedy}") from error
        if wanted is None:
            raise AudioError(f"there is no default microphone; name one with --device:\n{listing}") from error
        what = "names several microphones" if "multiple" in str(error).lower() else "is no microphone"
        raise AudioError(f'"{wanted}" {what}; there are:\n{listing}') from error
    return _record(library, info, library.default.device[0])


def device_from_command_line(text: str) -> str | int:
    """`--device` as typed: an index from `--list-devices` or a name. A configuration takes names only."""
    return int(text) if text.isdecimal() else text


def describe_devices() -> str:
    """The devices as `--list-devices` prints them: one per line, `*` before the default."""
    return "\n".join(
        f"{'*' if device.is_default else ' '} {device.index:2d} {device.name}, {device.host_api} "
        f"({device.channels} channels, {device.default_rate_hz} Hz)"
        for device in list_devices()
    )


def _record(library: Any, info: dict[str, Any], default: int) -> InputDevice:
    return InputDevice(
        index=info["index"],
        name=info["name"],
        host_api=library.query_hostapis(info["hostapi"])["name"],
        channels=info["max_input_channels"],
        default_rate_hz=round(info["default_samplerate"]),
        is_default=info["index"] == default,
    )


def open_stream(device: InputDevice, channel: int | None) -> Any:
    """A started stream at 16 kHz, or at another rate when the device refuses that.

    Without a channel of all that it has; a device of more than 24 is no microphone but a way to several.
    """
    library = portaudio()
    several = device.channels if device.channels <= MOST_CHANNELS else 1
    counts = (several, 1) if channel is None else (channel,)
    rates = dict.fromkeys((SAMPLE_RATE, device.default_rate_hz, *OTHER_RATES_HZ))
    first_error = None
    for count, rate_hz in itertools.product(dict.fromkeys(counts), rates):
        try:
            return _start(device, count, rate_hz)
        except library.PortAudioError as error:
            logger.debug('"%s" refuses %d channels at %d Hz', device.name, count, rate_hz)
            first_error = first_error or error
    raise AudioError(f'cannot listen to "{device.name}" ({first_error}); does another program use it?') from first_error


def _start(device: InputDevice, channel: int, rate_hz: int) -> Any:
    stream = portaudio().InputStream(
        device=device.index, samplerate=rate_hz, channels=channel, dtype="float32", blocksize=0, latency=LATENCY_S
    )
    try:
        stream.start()
    except Exception:
        close_stream(stream)
        raise
    return stream
