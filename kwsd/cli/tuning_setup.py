"""What `enrol`, `tune` and `review` share: settings, keyword file, model, and background as kept frames."""

import argparse
import logging
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path

from kwsd.acoustic.model import Model
from kwsd.audio.file import FileSource
from kwsd.cli.connect import path_of_daemon
from kwsd.cli.progress import sound_progress
from kwsd.config import Settings, load_settings
from kwsd.errors import FlagError
from kwsd.homes import user_directory
from kwsd.keywords.files import read_keyword_file
from kwsd.keywords.keyword import Keyword
from kwsd.quick_dataclass import dataclass
from kwsd.tuning.enrol import Background
from kwsd.tuning.kept import KeptFrames, hours_of, recordings

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Setup:
    """What there is to work with."""

    settings: Settings
    keywords: Path
    """The TOML keyword file, there or not."""
    work: Path
    """Where frames are kept."""

    @cached_property
    def model(self) -> Model:
        """Loaded when it is wanted first. Raises ModelError."""
        return Model.load(self.settings.model, self.settings.chunk_ms)

    @cached_property
    def kept(self) -> KeptFrames:
        """The folder of frames of that model. Raises KwsdError."""
        return KeptFrames(self.work, self.model)


def open_setup(arguments: argparse.Namespace, *, wants_keywords: bool = True) -> Setup:
    """Flags, environment, settings, daemon. Raises FlagError: there is no keyword file, or no home for frames."""
    flags = {"keywords": arguments.keywords, "model": arguments.model}
    settings = load_settings(flags, file=arguments.config).settings
    keywords = settings.keywords or (path_of_daemon(arguments, "keywords_file") if wants_keywords else None)
    if keywords is None and wants_keywords:
        raise FlagError("which keyword file is meant? give --keywords FILE.toml, or start kwsd with it")
    state = user_directory("state")
    work = arguments.work or (state / "tuning" if state else None)
    if work is None:
        raise FlagError("there is no home to keep frames in; give --work DIR")
    return Setup(settings, (keywords or Path()).expanduser(), work.expanduser())


def read_keywords(setup: Setup) -> tuple[Keyword, ...]:
    """The usable keywords of the file; the others are warned of. Raises KeywordFileError."""
    found = read_keyword_file(setup.keywords, setup.model.tokenizer)
    for problem in found.problems:
        logger.warning("%s", problem)
    return found.keywords


def prepared_background(setup: Setup, given: Sequence[Path] | None) -> Background | None:
    """Something to hold takes against, to be read once; None where there is nothing."""
    pieces = background_pieces(setup, given)
    return Background(setup.kept.read(pieces), hours_of(pieces)) if pieces else None


def background_pieces(setup: Setup, given: Sequence[Path] | None) -> list[Path]:
    """Files of frames of recordings, encoded where that was not done before; without any, what `tune --listen` kept."""
    return encode(setup, given) if given else setup.kept.listened_to()


def encode(setup: Setup, given: Sequence[Path]) -> list[Path]:
    """Frames of recordings and of all in folders. Raises AudioError: one cannot be read."""
    files = recordings(given)
    sources = [FileSource(path) for path in files]
    total_s = sum(source.duration_s or 0.0 for source in sources)
    for source in sources:
        source.close()
    pieces: list[Path] = []
    with sound_progress("encoding", total_s) as advance:
        for path in files:
            pieces += setup.kept.keep(path, advance)
    return pieces
