"""What can be set. A new setting is a field here, and nothing else: flags, environment and TOML all follow it.

A field's name is its TOML key. Sections are nested models; `[search] threshold` is also KWSD_SEARCH_THRESHOLD.
"""

from pathlib import Path
from typing import Annotated, Any

from pydantic import BeforeValidator, Field

from kwsd.config.fallback import Fallback
from kwsd.config.section import Section
from kwsd.config.service import Service
from kwsd.models.directory import DEFAULT_MODEL
from kwsd.search.settings import SearchSettings

DEFAULTS = SearchSettings()


def _several(value: Any) -> Any:
    """A lone text is a list of one; in the environment, commas separate."""
    return tuple(part.strip() for part in value.split(",")) if isinstance(value, str) else value


Several = Annotated[tuple[str, ...], BeforeValidator(_several)]
Probability = Annotated[float, Field(gt=0, le=1)]
Seconds = Annotated[float, Field(ge=0, le=60)]


class Search(Section):
    """[search]: how hard to search and what to believe. Meaning and defaults are those of SearchSettings.

    A model may bring other defaults (`kwsd.config.model_defaults`).
    """

    boost: Annotated[float, Field(ge=0, le=20)] = DEFAULTS.boost
    threshold: Probability = DEFAULTS.threshold
    running_threshold: Annotated[float, Field(ge=0, le=1)] = DEFAULTS.running_threshold
    min_score: Annotated[float, Field(ge=0, le=1)] = DEFAULTS.min_score
    min_margin: Annotated[float, Field(ge=-100, le=0)] = DEFAULTS.min_margin
    margin_per_token: Annotated[float, Field(ge=-100, le=0)] = DEFAULTS.margin_per_token
    alone_margin: Annotated[float, Field(ge=-100, le=0)] = DEFAULTS.alone_margin
    trailing_blanks: Annotated[int, Field(ge=0, le=50)] = DEFAULTS.trailing_blanks
    max_gap_s: Annotated[float, Field(gt=0, le=60)] = DEFAULTS.max_gap_s
    min_duration_s: Seconds = DEFAULTS.min_duration_s
    refractory_s: Seconds = DEFAULTS.refractory_s
    beam: Annotated[int, Field(ge=1, le=64)] = DEFAULTS.beam
    beam_delta: Annotated[float, Field(gt=0, le=100)] = DEFAULTS.beam_delta

    def to_search_settings(self) -> SearchSettings:
        """The record that the search takes."""
        return SearchSettings(**self.model_dump())


class Settings(Section):
    """Everything, frozen. Paths of a TOML file are relative to that file."""

    keywords: Path | None = None
    """Keyword file."""
    model: str = DEFAULT_MODEL
    """Name of a model that came with kwsd or was pulled, or a model's directory."""
    input: Annotated[Several, Field(min_length=1)] = ("mic",)
    """Where sound comes from: `mic`, audio files, `-` for stdin."""
    device: str | None = None
    """Microphone, by words of its name; None is the system's default."""
    channel: Annotated[int, Field(ge=1)] | None = None
    """Only this channel, counted from 1; None is the first of a microphone and the mix of a file."""
    json_lines: Annotated[bool, Field(alias="json")] = False
    """Print detections as JSON lines."""
    verbose: bool = False
    """Log more, and show tracebacks."""
    search: Search = Search()
    fallback: Fallback = Fallback()
    daemon: Service = Service()

    @property
    def is_service(self) -> bool:
        """Whether these settings ask for the daemon: a microphone alone, or anything with a socket."""
        return self.input == ("mic",) or self.daemon.socket is not None
