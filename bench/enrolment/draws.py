"""Takes drawn at random, and what enrolling with them gives."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

from bench.enrolment.kept_hits import hits_in
from bench.enrolment.material import hours_of, take_frames
from kwsd.acoustic.model import Model
from kwsd.keywords.keyword import Keyword
from kwsd.stream import Frames
from kwsd.tuning import choice, enrol
from kwsd.tuning.hear import Heard, best_score, listen
from measure.progress import track

DRAWS, TAKES = 20, 3
PER_HOUR = 0.3


@dataclass(frozen=True, slots=True)
class Draw:
    """Three takes of a word, and what enrolling with them gave."""

    word: str
    takes: tuple[str, ...]
    keyword: Keyword


def choose_all(model: Model, paths: dict[str, list[str]]) -> list[Draw]:
    """Enrol every draw: candidates first, then all of them against the background, then the choices."""
    readings = cache(lambda path: enrol.read_frames(model, take_frames(model, path)))
    drawn = [(word, draw) for word, of in paths.items() for draw in draw_takes(model, word, of)]
    found: dict[tuple[str, tuple[str, ...]], list[choice.Pronunciation]] = {}
    for word, takes in track(drawn, "candidates"):
        keyword = Keyword(word)
        found[word, takes] = enrol.find_candidates(model, keyword, [readings(path) for path in takes])[: enrol.TRIED]
    hours, search = hours_of("dev"), model.settings()
    tried = {way_of(word, each.spelling) for (word, _), some in found.items() for each in some}
    false = hits_in(model, tried | {way_of(word, choice.NOW) for word in paths}, "dev", lenient)
    score = cache(lambda word, text, path: best_score(model, way_of(word, text), take_frames(model, path), search))
    draws = []
    for (word, takes), candidates in track(list(found.items()), "choosing"):
        names = [choice.NOW, *(each.spelling for each in candidates)]
        keyword = Keyword(word)
        known = enrol.weigh(
            model,
            keyword,
            tuple(candidates),
            {name: [score(word, name, path) for path in takes] for name in names},
            {name: false[way_of(word, name)] for name in names},
            hours=hours,
            per_hour=PER_HOUR,
            search=search,
        )
        chosen = choice.choose(known, range(TAKES))
        if chosen.spellings or chosen.threshold != known.threshold:
            keyword = Keyword(word, spellings=chosen.spellings, threshold=chosen.threshold)
        draws.append(Draw(word, takes, keyword))
    return draws


def way_of(word: str, spelling: str) -> Keyword:
    """A keyword that is said in one way only, or as it is."""
    return Keyword(word) if spelling == choice.NOW else Keyword(spelling, written_forms=False)


def lenient(model: Model, keyword: Keyword, frames: Sequence[Frames]) -> list[Heard]:
    """Hits at any threshold, as enrolling counts them."""
    return listen(model, [keyword], frames)[keyword.label]


def draw_takes(model: Model, word: str, paths: Sequence[str]) -> list[tuple[str, ...]]:
    """So many draws of three that no take of is refused: it would have been recorded again."""
    fit = [path for path in paths if take_frames(model, path)]
    chance = random.Random(word)
    return [tuple(chance.sample(fit, TAKES)) for _ in range(DRAWS)]
