"""Hits in hours of sound, kept on disk by keyword: a run that was interrupted goes on where it was."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from hashlib import sha256
from pathlib import Path

from bench.enrolment.material import FOLDER, background_frames
from bench.enrolment.near import near_matches
from kwsd.acoustic.model import Model
from kwsd.keywords.keyword import Keyword
from kwsd.stream import Frames
from kwsd.tuning.hear import Heard
from measure.kept import code_digest, keep, recall
from measure.progress import track

HEARING = ("acoustic", "keywords", "search", "spotters", "text", "tuning/hear.py")
"""What of kwsd decides about a hit in frames that are there: a change of it is a new run."""
TOGETHER = 350
"""Keywords that are looked for at once: what an interruption may cost."""

How = Callable[[Model, Keyword, Sequence[Frames]], list[Heard]]


def hits_in(model: Model, keywords: Iterable[Keyword], sound: str, how: How) -> dict[Keyword, list[Heard]]:
    """Every hit of each keyword in a background, a keyword at a time; those that are known are not looked for again."""
    wanted = list(dict.fromkeys(keywords))
    folder = FOLDER / "hits" / f"{sound}-{how.__name__}-{version_of(model)}"
    todo = [keyword for keyword in wanted if not file_of(folder, keyword).exists()]
    frames = background_frames(model, sound) if todo else []
    for first in range(0, len(todo), TOGETHER):
        some = todo[first : first + TOGETHER]
        for keyword, near in track(list(near_matches(model, some, frames)), f"{sound} {first}"):
            keep(file_of(folder, keyword), how(model, keyword, near))
    return {keyword: recall(file_of(folder, keyword), Heard) for keyword in wanted}


def file_of(folder: Path, keyword: Keyword) -> Path:
    """Where the hits of a keyword are kept."""
    return folder / f"{sha256(repr(keyword).encode()).hexdigest()[:16]}.json"


def version_of(model: Model) -> str:
    """What tells one way to hear from another: weights, settings and code."""
    return sha256(f"{model.encoder.fingerprint} {model.description} {code_digest(*HEARING)}".encode()).hexdigest()[:16]
