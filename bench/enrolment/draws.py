"""Takes drawn at random, and what enrolling with them gives."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

from bench.enrolment.kept_hits import hits_in
from bench.enrolment.material import hours_of, take_frames, unsaid
from bench.enrolment.words import TAKES, Word
from kwsd.acoustic.model import Model
from kwsd.keywords.keyword import Keyword
from kwsd.stream import Frames
from kwsd.tuning import choice, enrol
from kwsd.tuning.hear import Heard, best_score, listen
from measure.progress import track

PER_HOUR = 0.3


@dataclass(frozen=True, slots=True)
class Draw:
    """Three takes of a word, and what enrolling with them gave."""

    word: str
    takes: tuple[str, ...]
    keyword: Keyword


def choose_all(model: Model, words: Sequence[Word]) -> list[Draw]:
    """Enrol every draw: candidates first, then all of them against the background, then the choices."""
    readings = cache(lambda path: enrol.read_frames(model, take_frames(model, path)))
    drawn = [(word.phrase, draw) for word in words for draw in word.draws(lambda path: bool(take_frames(model, path)))]
    found: dict[tuple[str, tuple[str, ...]], list[choice.Pronunciation]] = {}
    for word, takes in track(drawn, "candidates"):
        keyword = Keyword(word)
        found[word, takes] = enrol.find_candidates(model, keyword, [readings(path) for path in takes])[: enrol.TRIED]
    hours, search = hours_of("room"), model.settings()
    score = cache(lambda word, text, path: best_score(model, way_of(word, text), take_frames(model, path), search))
    for (word, takes), candidates in track(list(found.items()), "takes"):  # what hears none of them changes nothing
        found[word, takes] = [each for each in candidates if any(score(word, each.spelling, path) for path in takes)]
    tried = {way_of(word, each.spelling) for (word, _), some in found.items() for each in some}
    false = hits_in(model, tried | {way_of(word, choice.NOW) for word, _ in drawn}, "room", lenient)
    draws = []
    for (word, takes), candidates in track(list(found.items()), "choosing"):
        names = [choice.NOW, *(each.spelling for each in candidates)]
        keyword = Keyword(word)
        known = enrol.weigh(
            model,
            keyword,
            tuple(candidates),
            {name: [score(word, name, path) for path in takes] for name in names},
            {name: unsaid(word, false[way_of(word, name)], "room") for name in names},
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
