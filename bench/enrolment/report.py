"""Enrolment measured: three takes at random, tested on the other recordings and on hours of speech set apart."""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import cache
from itertools import chain
from statistics import fmean

from bench.enrolment.draws import PER_HOUR, Draw, choose_all, lenient, way_of
from bench.enrolment.kept_hits import hits_in
from bench.enrolment.material import hours_of, unsaid, word_stream
from bench.enrolment.words import DRAWS, IN_CMUDICT, TAKES, Word, find_words
from kwsd.acoustic.model import Model
from kwsd.keywords.keyword import Keyword
from kwsd.tuning.choice import NOW
from kwsd.tuning.hear import Heard, most_per_hour
from measure.paths import RESULTS
from measure.progress import track
from measure.scoring import Label

SAME_S = 0.5  # hits of two spellings this near are one
LEAST_ABOVE = 0.001  # a score, what a threshold that keeps it out is


@dataclass(frozen=True, slots=True, kw_only=True)
class Tried:
    """What one draw gave: recall on the recordings that were not drawn, and false alarms."""

    before: float
    """At the usual threshold."""
    after: float
    before_few: float
    """At a threshold that lets through no more in the speech set apart than are put up with; so the next."""
    after_few: float
    own_before: float | None
    """As the one before, of the other recordings of the person who was drawn; None where nobody knows who spoke."""
    own_after: float | None
    false: int
    changed: bool


@dataclass(frozen=True, slots=True)
class Row:
    """A word of the table."""

    word: Word
    false_before: int
    tried: tuple[Tried, ...]
    """Its draws."""

    def mean(self, figure: str) -> float:
        """Of a figure over the draws."""
        return fmean(getattr(each, figure) for each in self.tried)


def main(arguments: Sequence[str]) -> None:
    """Measure and write bench/results/enrol.md."""
    parser = argparse.ArgumentParser(prog="python -m bench enrol", description=__doc__)
    parser.add_argument("--model", default="kwsd-en", help="name or directory (default: %(default)s)")
    parser.add_argument("--words", nargs="+", help="only these")
    given = parser.parse_args(arguments)
    model, words = Model.load(given.model), find_words(given.words)
    print(write_page(model.name, test(model, words, choose_all(model, words))))


def test(model: Model, words: Sequence[Word], draws: Sequence[Draw]) -> list[Row]:
    """Recall on the recordings that were not drawn, and false alarms in the speech set apart."""
    mine = {word.phrase: [draw for draw in draws if draw.word == word.phrase] for word in words}
    ways = {
        way_of(phrase, text)
        for phrase, of in mine.items()
        for text in (NOW, *chain(*(d.keyword.spellings for d in of)))
    }
    heard = hits_in(model, ways, "apart", lenient)
    default, rows = model.settings().threshold, []
    for word in track(words, "recall"):
        false = {way: unsaid(word.phrase, hits, "apart") for way, hits in heard.items()}
        tried = tuple(measure(model, word, draw, false) for draw in mine[word.phrase])
        rows.append(Row(word, sum(hit.score >= default for hit in false[way_of(word.phrase, NOW)]), tried))
    return rows


def measure(model: Model, word: Word, draw: Draw, false: Mapping[Keyword, Sequence[Heard]]) -> Tried:
    """One draw of a word; `false` are the hits of its spellings in speech set apart."""
    default, spellings = model.settings().threshold, draw.keyword.spellings
    threshold = draw.keyword.threshold or default
    as_it_is, as_enrolled = (hits_among(model, word.phrase, word.paths, each) for each in ((), spellings))
    false_now, false_then = (
        merged(false[way_of(word.phrase, text)] for text in (NOW, *each)) for each in ((), spellings)
    )
    others, own = [path for path in word.paths if path not in draw.takes], word.own(draw.takes)
    few_now, few_then = least_for_few(false_now, default), least_for_few(false_then, threshold)
    return Tried(
        before=share(as_it_is, default, others),
        after=share(as_enrolled, threshold, others),
        before_few=share(as_it_is, few_now, others),
        after_few=share(as_enrolled, few_then, others),
        own_before=share(as_it_is, few_now, own) if own else None,
        own_after=share(as_enrolled, few_then, own) if own else None,
        false=sum(hit.score >= threshold for hit in false_then),
        changed=draw.keyword != Keyword(word.phrase),
    )


def least_for_few(false: Sequence[Heard], threshold: float) -> float:
    """The lowest threshold, this or above, that lets through no more in the speech set apart than are put up with."""
    scores = sorted((hit.score for hit in false), reverse=True)
    return max([threshold, *(score + LEAST_ABOVE for score in scores[int(PER_HOUR * hours_of("apart")) :][:1])])


@cache
def hits_among(model: Model, phrase: str, of: tuple[str, ...], spellings: tuple[str, ...]) -> dict[str, float]:
    """The best score in each recording of a word in which it is heard."""
    frames, labels = word_stream(model, phrase, of)
    best: dict[str, float] = {}
    for hit in lenient(model, Keyword(phrase, spellings=spellings), frames):
        for path in found_in([hit], labels):
            best[path] = max(hit.score, best.get(path, 0.0))
    return best


def merged(hits: Iterable[Sequence[Heard]]) -> list[Heard]:
    """Hits of several spellings: those at the same time are one, of the best score."""
    found: list[Heard] = []
    for hit in sorted(chain.from_iterable(hits), key=lambda each: each.end_s):
        if found and hit.start_s < found[-1].end_s + SAME_S:
            found[-1] = max(found[-1], hit, key=lambda each: each.score)
        else:
            found.append(hit)
    return found


def found_in(hits: Sequence[Heard], labels: Sequence[Label]) -> set[str]:
    """Recordings, by their label, with a hit in them."""
    return {label.phrase for label in labels if any(label.start_s <= hit.end_s <= label.end_s + 1.0 for hit in hits)}


def share(best: Mapping[str, float], threshold: float, paths: Sequence[str]) -> float:
    """Recall on these recordings, by the best score in each."""
    return sum(best.get(path, 0.0) >= threshold for path in paths) / len(paths)


HEADS = (
    *("word", "new", "recordings", "recall before", "after", "points", "as enrolled", "false/h before", "after"),
    *("≤ (95 %)", "worst draw", "changed"),
)


def write_page(model: str, rows: Sequence[Row]) -> str:
    """The table as bench/results/enrol.md, and its numbers beside it."""
    rows = sorted(rows, key=lambda row: (row.word.phrase in IN_CMUDICT, bool(row.word.speakers), row.word.phrase))
    hours = hours_of("apart")
    lines = [
        "# Enrolment",
        "",
        f"Made by `python -m bench enrol` with {model}: {TAKES} takes at random, {DRAWS} draws a word, tested on its",
        f"other recordings; false alarms in {hours:.2f} h of speech set apart, a word at a time, with the Poisson",
        f"bound of their mean. {PER_HOUR}/h were put up with, by {hours_of('room'):.2f} h of other speech, as",
        "`kwsctl tune --listen 2h` gathers it. Clips in which the word is said count in neither.",
        f"*Recall before*, *after* and *points* are at {PER_HOUR}/h: before and after, the threshold lets through",
        f"at most {int(PER_HOUR * hours)} in the speech set apart in every draw. *As enrolled* is recall at the",
        "threshold that enrolling wrote, and so are *false/h after*, *bound* and *worst draw*.",
        "A word is new where neither the lexicon nor CMUdict has it.",
        "",
        *table(HEADS, [cells_of(row, hours) for row in rows]),
    ]
    known = [row for row in rows if row.word.speakers]
    if known:
        lines += [
            "",
            "Words of Speech Commands, by people set apart from training who said them five times or more: the takes",
            "of a draw are one person's, tested above on all other recordings of the word, here on that person's own:",
            "",
            *table(("word", "recall before", "after", "points"), [own_cells(row) for row in known]),
        ]
    page = "\n".join(lines) + "\n"
    RESULTS.mkdir(parents=True, exist_ok=True)
    (RESULTS / "enrol.md").write_text(page, encoding="utf-8")
    figures = {row.word.phrase: [asdict(each) for each in row.tried] for row in rows}
    (RESULTS / "enrol.json").write_text(json.dumps({"hours": hours, "draws": figures}) + "\n")
    return page


def table(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    """Lines of a page."""
    return [f"| {' | '.join(cells)} |" for cells in (heads, ["---"] * len(heads), *rows)]


def cells_of(row: Row, hours: float) -> tuple[str, ...]:
    """A line of the table."""
    before, after, false = row.mean("before_few"), row.mean("after_few"), row.mean("false")
    return (
        row.word.phrase,
        "no" if row.word.phrase in IN_CMUDICT else "yes",
        str(len(row.word.paths)),
        f"{before:.3f}",
        f"{after:.3f}",
        f"{100 * (after - before):+.1f}",
        f"{row.mean('after'):.3f}",
        f"{row.false_before / hours:.2f}",
        f"{false / hours:.2f}",
        f"{most_per_hour(round(false), hours):.2f}",
        f"{max(each.false for each in row.tried) / hours:.2f}",
        f"{sum(each.changed for each in row.tried)} of {len(row.tried)}",
    )


def own_cells(row: Row) -> tuple[str, ...]:
    """A line of the table of people's own recordings."""
    before, after = row.mean("own_before"), row.mean("own_after")
    return row.word.phrase, f"{before:.3f}", f"{after:.3f}", f"{100 * (after - before):+.1f}"
