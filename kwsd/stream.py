"""What flows from the microphone to the search: Chunks of sound, and the Frames that come of them."""

from typing import Literal

import numpy as np
from numpy.typing import NDArray

from kwsd.quick_dataclass import dataclass

Float32 = NDArray[np.float32]
Kind = Literal["heard", "quiet", "failed"]
NO_SAMPLES: Float32 = np.zeros(0, np.float32)


@dataclass(frozen=True, slots=True)
class Chunk:
    """A piece of sound. A gap needs no field: it is `start_sample` less the end of the chunk before."""

    start_sample: int
    """At 16 kHz, since the stream began; lost sound counts, a closed microphone does not."""
    samples: Float32
    """(n,), mono, 16 kHz, -1 to 1, finite; n = 0 is a sign that capturing is alive."""
    source: str
    """Which microphone or file."""

    @property
    def end_sample(self) -> int:
        """Where the next chunk begins, unless sound is lost between them."""
        return self.start_sample + len(self.samples)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Frames:
    """What one call of the encoder gives: enough to search, enough to keep."""

    origin_sample: int
    """Where the encoder last began; a new origin tells the search to begin anew."""
    first: int
    """Number of the first frame; frame f begins at `origin_sample` + 640 f."""
    count: int
    """Frames of 40 ms: 8."""
    kind: Kind
    """quiet: the gate spared the encoder; failed: the encoder's output was not finite, and it began afresh."""
    encoder_out: Float32 | None
    """(count, C); None unless heard."""
    power: Float32
    """(T,), nats: log of the mean mel power of each 10 ms; those behind 4 × count are look-ahead."""
    arrived_sample: int
    """Sound that had to come before this was known."""
    gain_db: float = 0.0
    """By how much the encoder heard it louder than it was; `power` is as it was."""
