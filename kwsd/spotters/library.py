"""The library's face of a spotter: arrays in, detections out; and keyword files for it."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from kwsd.acoustic.model import Model
from kwsd.audio.samples import checked_samples
from kwsd.errors import KeywordFileError
from kwsd.events import Detection
from kwsd.homes import expanded
from kwsd.keywords.compile import CompiledKeywords
from kwsd.keywords.files import check_keywords, read_keyword_file
from kwsd.keywords.keyword import Keyword
from kwsd.keywords.shipped import find_list
from kwsd.search.settings import SearchSettings
from kwsd.spotters.phrases import PhraseSpotter
from kwsd.stream import Chunk
from kwsd.timebase import SAMPLE_RATE

TOLD_PROBLEMS = 10  # lines of a file that a message names
SLICE_SAMPLES = 10 * SAMPLE_RATE  # of `accept`, so that memory does not follow the caller's block size


def load_keywords(path: str | Path, model: Model | str | Path, *, strict: bool = False) -> list[Keyword]:
    """Read a keyword file, or a list that comes with kwsd, for a model, or for the one of that name.

    Lines that cannot be used are left out, with a warning that names the first ten.

    Raises:
        KeywordFileError: no line can be used, or with `strict` one cannot; the message says which and why.
        ModelError: there is no model of that name, or it cannot be used.
    """
    if isinstance(model, str | Path):
        model = Model.load(model)
    found = read_keyword_file(find_list(expanded(path)), model.tokenizer)
    if found.problems:
        told = [str(problem) for problem in found.problems[:TOLD_PROBLEMS]]
        more = len(found.problems) - len(told)
        message = "\n".join([*told, f"{more} more lines cannot be used"] if more else told)
        if strict:
            raise KeywordFileError(message)
        warnings.warn(message, UserWarning, stacklevel=2)
    return list(found.keywords)


class SampleSpotter(PhraseSpotter):
    """`kwsd.Spotter`: what hears phrases, for arrays of samples that follow each other without a gap."""

    def __init__(
        self,
        model: Model | str | Path,
        keywords: Sequence[Keyword | str] | CompiledKeywords,
        settings: SearchSettings | None = None,
        *,
        quiet_gate: bool = False,
        automatic_gain: bool = False,
    ) -> None:
        """Listen for `keywords` with `model`, or the one of that name; a text stands for the keyword of that phrase.

        What `settings` does not give, the model's model.toml does. Spellings that cannot be used are warned of.
        `quiet_gate` spares the encoder a quiet room, `automatic_gain` lifts faint speech, as the program `kwsd` does.

        Raises:
            ConfigError: a keyword cannot be written in the model's pieces.
            ModelError: there is no model of that name, or it cannot be used.
        """
        if isinstance(model, str | Path):
            model = Model.load(model)
        if not isinstance(keywords, CompiledKeywords):
            keywords = Keyword.of(keywords)
            for problem in check_keywords(keywords, model.tokenizer).problems:
                warnings.warn(str(problem), UserWarning, stacklevel=2)
        super().__init__(model, keywords, settings, quiet_gate=quiet_gate, automatic_gain=automatic_gain)

    def accept(self, samples: NDArray[np.floating]) -> list[Detection]:
        """Take float samples (n,), 16 kHz mono, and return what they complete, in the order spoken.

        How sound is split over calls makes no difference. Samples that are not finite count as silence.

        Raises:
            ValueError: not one-dimensional floating-point samples, or far outside -1..1.
        """
        checked = checked_samples(samples)
        slices = (checked[start : start + SLICE_SAMPLES] for start in range(0, len(checked), SLICE_SAMPLES))
        told = [event for piece in slices for event in self.push(Chunk(self.position_samples, piece, ""))]
        self.frames.clear()  # nobody watches them here, and they are kilobytes
        return [event for event in told if isinstance(event, Detection)]

    def finish(self) -> list[Detection]:
        """The sound has ended: the detections that its last words complete. Nothing can be accepted behind it."""
        return [event for event in super().finish() if isinstance(event, Detection)]
