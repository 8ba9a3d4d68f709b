"""Keywords as wake-word models: stable names, what `info` says of them, and the searchable sets made of them."""

import re
import threading
import unicodedata
from collections import OrderedDict
from collections.abc import Iterable, Sequence
from hashlib import sha256

from wyoming.event import Event
from wyoming.info import Attribution, Info, WakeModel, WakeProgram

from kwsd import __version__
from kwsd.acoustic.model import Model
from kwsd.errors import KeywordFileError
from kwsd.keywords.compile import CompiledKeywords
from kwsd.keywords.keyword import Keyword
from kwsd.search.settings import SearchSettings
from kwsd.spotters.compiling import compile_for

PROGRAM = "kwsd"
SOURCE = Attribution(name="kwsd", url="https://github.com/kwsd/kwsd")
MOST_SETS = 32


def slug(label: str) -> str:
    """The name that people's pipelines keep: of small letters, digits and `_`, and never another for the same label."""
    plain = unicodedata.normalize("NFKD", label).casefold()
    kept = re.sub(r"[^a-z0-9]+", "_", "".join(c for c in plain if not unicodedata.combining(c) and c != "'")).strip("_")
    return kept or f"keyword_{sha256(label.encode()).hexdigest()[:8]}"


class WakeWords:
    """One list of keywords: what clients are told of it, and the set that is searched for each choice of names.

    Immutable but for the sets it has made so far; any thread may ask for one.
    """

    def __init__(self, keywords: Sequence[Keyword], model: Model, settings: SearchSettings) -> None:
        """Compile the whole list.

        Raises:
            KeywordFileError: two keywords have the same name for clients.
            ConfigError: a keyword cannot be written in the model's pieces.
        """
        self._model = model
        self._settings = settings.over(model.description.search)
        self._by_name: dict[str, list[Keyword]] = {}
        for keyword in keywords:
            if keyword.enabled:
                self._by_name.setdefault(slug(keyword.label), []).append(keyword)
        for name, same in self._by_name.items():
            if len(labels := {keyword.label for keyword in same}) > 1:
                told = " and ".join(f'"{label}"' for label in sorted(labels))
                raise KeywordFileError(f"{told} are both {name} to clients; give one of them another @NAME")
        self._places = {name: place for place, name in enumerate(self._by_name)}
        self._whole = self._compile(self._by_name)
        self._sets: OrderedDict[frozenset[str], CompiledKeywords] = OrderedDict()
        self._lock = threading.Lock()

    @property
    def names(self) -> tuple[str, ...]:
        """Of all, as clients know them."""
        return tuple(self._by_name)

    def unknown(self, names: Iterable[str]) -> list[str]:
        """Those of `names` that are not in the list."""
        return [name for name in names if name not in self._by_name]

    def ready(self, names: frozenset[str] | None) -> CompiledKeywords | None:
        """The set for a choice of names if there is one already; never waits."""
        key = None if names is None else self._known(names)
        return self._whole if key is None else self._sets.get(key)

    def _known(self, names: frozenset[str]) -> frozenset[str] | None:
        """Those of the list; None where that is all of it."""
        known = names.intersection(self._by_name)
        return known if len(known) < len(self._by_name) else None

    def searched(self, names: frozenset[str] | None) -> CompiledKeywords:
        """The set for a choice of names, None being all. Slow the first time, and shared from then on."""
        key = None if names is None else self._known(names)
        if key is None:
            return self._whole
        with self._lock:
            if key not in self._sets:
                self._sets[key] = self._compile(sorted(key, key=self._places.__getitem__))
            self._sets.move_to_end(key)
            if len(self._sets) > MOST_SETS:
                self._sets.popitem(last=False)
            return self._sets[key]

    def _compile(self, names: Iterable[str]) -> CompiledKeywords:
        keywords = [keyword for name in names for keyword in self._by_name[name]]
        return compile_for(self._model, keywords, self._settings)

    def info(self, languages: Sequence[str]) -> Event:
        """The answer to `describe`."""
        models = [
            WakeModel(
                name=name,
                description=same[0].label,
                phrase=same[0].phrase,
                languages=list(languages),
                version=self._model.description.version or None,
                installed=True,
                attribution=SOURCE,
            )
            for name, same in self._by_name.items()
        ]
        program = WakeProgram(
            name=PROGRAM,
            description="Type a phrase, it is heard",
            version=__version__,
            installed=True,
            attribution=SOURCE,
            models=models,
        )
        return Info(wake=[program]).event()
