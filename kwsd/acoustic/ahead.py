"""Sound of which there are no frames yet, by its level: what is said now is known a third of a second sooner."""

from __future__ import annotations

import numpy as np

from kwsd.acoustic.gate import mean_power
from kwsd.acoustic.stream import AcousticStream
from kwsd.stream import Float32


def power_ahead(stream: AcousticStream) -> Float32:
    """Power (T,) of every 10 ms behind those of all frames that a stream has given."""
    held = stream.gate.held if stream.gate else ()
    new = [segment.fbank[-stream.encoder.shift_frames :] for segment in held]
    return mean_power(np.concatenate([*new, stream.fbank.ahead()]))
