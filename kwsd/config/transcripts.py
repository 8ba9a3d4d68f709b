"""[transcripts]: the order behind a keyword as text."""

from typing import Annotated, Literal

from kwsd import limits
from kwsd.quick_dataclass import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Transcripts:
    """[transcripts]: who writes down what is said behind a keyword with `listen = true`."""

    transcriber: Literal["off", "transducer", "pipeline", "command"] = "off"
    """`transducer`: the model itself, if it has word pieces; `pipeline`: one of transformers; `command`: a program."""
    pipeline: str | None = None
    """Directory of a transformers model that transcribes speech."""
    allow_downloads: bool = False
    """Let `pipeline` be a name in a hub, from which the model is fetched."""
    trust_code: bool = False
    """Run code that comes with that model."""
    idle_minutes: Annotated[float, limits.IDLE_MINUTES] = 10.0
    """The pipeline's process is ended when nobody has wanted it for so long."""
    command: str | None = None
    """Program that reads a WAV file on standard input and writes text or JSON, never through a shell."""
    timeout_s: Annotated[float, limits.TRANSCRIPT_S] = 30.0
    """Seconds that a pipeline or program may take for one order."""
