"""kwsd through its public API, as a program that embeds it would use it."""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

import kwsd
from kwsd.events import Detection
from kwsd.search.settings import SearchSettings
from kwsd.stream import Frames
from measure.paths import MODEL
from measure.scoring import Hit, hit_of
from measure.wav import Samples

LENIENT = SearchSettings(threshold=0.02, min_score=0.0)
"""Lets nearly everything through, with its scores: stricter limits are then tried after the fact."""


@dataclass(frozen=True)
class Product:
    """kwsd with its keywords, which go through a raw keyword file; every `hear` is a fresh stream."""

    phrases: tuple[str, ...]
    settings: SearchSettings = field(default_factory=SearchSettings)

    @property
    def title(self) -> str:
        """What tables call it."""
        return "kwsd"

    @cached_property
    def model(self) -> kwsd.Model:
        """The loaded model."""
        return kwsd.Model.load(MODEL)

    @cached_property
    def keywords(self) -> Sequence[kwsd.Keyword]:
        """The phrases as a user's file gives them."""
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "keywords.txt"
            path.write_text("\n".join(self.phrases) + "\n", encoding="utf-8")
            return kwsd.load_keywords(path, self.model)

    def search(self, stream: Iterable[Frames], samples: int, block: int) -> list[Hit]:
        """The hits that `hear` would give for the blocks of which these frames were made, `samples` in all."""
        spotter = kwsd.Spotter(self.model, self.keywords, self.settings)
        hits: list[Hit] = []
        for frames in stream:
            fed = min(samples, -(-frames.arrived_sample // block) * block)
            hits += [hit_of(event, fed) for event in spotter.search(frames) if isinstance(event, Detection)]
        return hits

    def hear(self, blocks: Iterable[Samples]) -> list[Hit]:
        """Hits over the blocks of one stream, in the order reported."""
        spotter = kwsd.Spotter(self.model, self.keywords, self.settings)
        hits: list[Hit] = []
        fed = 0
        for block in blocks:
            fed += len(block)
            hits += [hit_of(detection, fed) for detection in spotter.accept(block)]
        return hits + [hit_of(detection, fed) for detection in spotter.finish()]
