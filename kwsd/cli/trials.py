"""What `check` and `doctor` try out: is the model intact, how fast is it, what does the microphone give?"""

import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from kwsd.acoustic.model import Model
    from kwsd.audio.microphone import MicrophoneSource
    from kwsd.audio.source import Samples
    from kwsd.config import Settings
    from kwsd.keywords.keyword import Keyword

TIMED_S = 10.0  # of sound: about 200 ms on a desktop, 2 s on a small board
KEEPS_UP_RTF = 0.5  # leaves as much for the rest of the machine


def intact_directory(name: str) -> Path:
    """Of a model whose files are what model.toml and SHA256SUMS say; ModelError otherwise."""
    from kwsd.models.directory import find_model_directory  # noqa: PLC0415 - `kwsctl --help` needs none of it
    from kwsd.models.install import require_intact  # noqa: PLC0415 - likewise

    directory = find_model_directory(name)
    require_intact(directory)
    return directory


def measured_rtf(model: "Model", keywords: "Sequence[Keyword]", settings: "Settings") -> float:
    """Faint noise through the whole, with one thread as in service → the share of a processor that it takes."""
    import numpy as np  # noqa: PLC0415 - likewise

    from kwsd.spotters.library import SampleSpotter  # noqa: PLC0415 - likewise
    from kwsd.timebase import samples  # noqa: PLC0415 - likewise

    spotter = SampleSpotter(model, (), settings.search)
    spotter.replace(spotter.compile(keywords))
    noise = np.random.default_rng(0).normal(0, 0.01, samples(TIMED_S)).astype(np.float32)
    spotter.accept(noise[: samples(1.0)])  # the first calls are slower
    began_s = time.process_time()
    spotter.accept(noise)
    return (time.process_time() - began_s) / TIMED_S


def record(source: "MicrophoneSource", duration_s: float) -> "Samples":
    """So much of its sound; it is closed then. Raises AudioError."""
    import numpy as np  # noqa: PLC0415 - likewise

    from kwsd.timebase import samples  # noqa: PLC0415 - likewise

    blocks: list[Samples] = []
    try:
        for block in source:
            blocks.append(block.samples)
            if sum(map(len, blocks)) >= samples(duration_s):
                break
    finally:
        source.close()
    return np.concatenate(blocks)
