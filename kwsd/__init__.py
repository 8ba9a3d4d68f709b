"""kwsd: a streaming, open-vocabulary wake-word daemon.

The public API is what this module exports::

    import kwsd

    model = kwsd.Model.load("path/to/model")
    keywords = kwsd.load_keywords("commands_small.txt", model)
    spotter = kwsd.Spotter(model, keywords)
    for block in microphone:  # float32 (n,), 16 kHz mono, any n
        for detection in spotter.accept(block):
            print(detection.keyword, detection.start, detection.end)
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from kwsd.acoustic.model import Model
    from kwsd.errors import AudioError, ConfigError, KeywordFileError, KwsdError, ModelError
    from kwsd.events import Detection
    from kwsd.keywords.keyword import Keyword
    from kwsd.protocol.client import listen
    from kwsd.search.settings import SearchSettings
    from kwsd.spotters.library import SampleSpotter as Spotter
    from kwsd.spotters.library import load_keywords

__version__ = "0.1.0"
__all__ = [
    "AudioError",
    "ConfigError",
    "Detection",
    "Keyword",
    "KeywordFileError",
    "KwsdError",
    "Model",
    "ModelError",
    "SearchSettings",
    "Spotter",
    "__version__",
    "listen",
    "load_keywords",
]

_HOMES = {
    **{name: ("kwsd.errors", name) for name in __all__ if name.endswith("Error")},
    "Detection": ("kwsd.events", "Detection"),
    "Keyword": ("kwsd.keywords.keyword", "Keyword"),
    "Model": ("kwsd.acoustic.model", "Model"),
    "SearchSettings": ("kwsd.search.settings", "SearchSettings"),
    "Spotter": ("kwsd.spotters.library", "SampleSpotter"),
    "listen": ("kwsd.protocol.client", "listen"),
    "load_keywords": ("kwsd.spotters.library", "load_keywords"),
}


def __getattr__(name: str) -> Any:
    """Import what is asked for only then (PEP 562): numpy alone takes longer than `kwsd --help` may."""
    if name not in _HOMES:
        raise AttributeError(f"module 'kwsd' has no attribute {name!r}")
    module, own_name = _HOMES[name]
    return getattr(import_module(module), own_name)


def __dir__() -> list[str]:
    """What there is, whether it is imported yet or not, and nothing that only this file needs."""
    return sorted({*__all__, *(name for name in globals() if name.startswith("__"))})
