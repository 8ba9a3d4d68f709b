"""The spotters of the daemon's sources: one model for all of them, and one compiled list for each keyword file."""

import threading
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from kwsd.config import Settings
from kwsd.daemon.keyword_update import KeywordSource
from kwsd.limits import ChunkMs
from kwsd.spotters.interface import Spotter
from kwsd.spotters.open import Loader, spotter_maker

if TYPE_CHECKING:
    from kwsd.acoustic.model import Model


class Spotters:
    """Makes them, one for each source."""

    def __init__(self, load: Loader | None, *, several: bool) -> None:
        """`load` gives the model; for `several` it is loaded once, and hears what is due together in one call."""
        self._load = SharedModel(load).load if several else load
        self._makers: dict[Path | None, Callable[[], Spotter]] = {}

    def make(self, settings: Settings, keywords: KeywordSource) -> Spotter:
        """The one for a source with these settings. Raises ConfigError: model or keywords are not usable."""
        if keywords.file not in self._makers:
            self._makers[keywords.file] = spotter_maker(settings, keywords.reader(), self._load)
        return self._makers[keywords.file]()


class SharedModel:
    """A model loaded once, on whatever thread asks first; one that could not be loaded is tried again."""

    def __init__(self, load: Loader | None) -> None:
        self._load = load
        self._model: Model | None = None
        self._loading = threading.Lock()

    def load(self, name: str, chunk_ms: ChunkMs) -> "Model":
        """Raises ModelError."""
        from kwsd.acoustic.gather import GatheringEncoder  # noqa: PLC0415 - the fixed words alone do without onnxruntime
        from kwsd.acoustic.model import Model  # noqa: PLC0415 - likewise

        with self._loading:
            if self._model is None:
                model = (self._load or Model.load)(name, chunk_ms)
                if model.encoder.stacks:
                    model.encoder = GatheringEncoder(model.encoder)
                self._model = model
        return self._model
