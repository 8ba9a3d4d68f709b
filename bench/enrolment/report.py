"""Enrolment measured: three takes at random, tested on the other recordings and on hours of speech set apart."""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from dataclasses import dataclass

from bench.enrolment.draws import DRAWS, TAKES, Draw, choose_all
from bench.enrolment.kept_hits import hits_in
from bench.enrolment.material import hours_of, word_stream
from kwsd.acoustic.model import Model
from kwsd.events import Detection
from kwsd.keywords.keyword import Keyword
from kwsd.spotters.phrases import PhraseSpotter
from kwsd.stream import Frames
from kwsd.tuning.hear import Heard, most_per_hour
from measure.paths import RESULTS
from measure.progress import track
from measure.scoring import Label
from measure.streams import speech_rows

IN_CMUDICT = {"ARCHIE", "GOODNIGHT", "JOKE", "HOW ARE YOU", "TRICK OR TREAT", "HEY ARCHIE"}
"""Keywords all of whose words are in CMUdict 1.1.3; of the others at least one is in neither it nor the lexicon."""


@dataclass(frozen=True, slots=True)
class Row:
    """A word of the table."""

    word: str
    recordings: int
    before: float
    after: float
    false_before: int
    false_after: float
    """Mean over the draws."""
    worst_after: int
    changed: int


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
    each_word = {word: list(dict.fromkeys(draw.keyword for draw in draws if draw.word == word)) for word in paths}
    hours, keywords = (
        hours_of("apart"),
        [*map(Keyword, paths), *(keyword for of in each_word.values() for keyword in of)],
    )
    false = {keyword: len(hits) for keyword, hits in hits_in(model, keywords, "apart", in_force).items()}
    rows = []
    for word, of in track(list(paths.items()), "recall"):
        frames, labels = word_stream(model, word, of)
        found = {
            keyword: found_in(in_force(model, keyword, frames), labels) for keyword in {Keyword(word), *each_word[word]}
        }
        mine = [draw for draw in draws if draw.word == word]
        before = [share(found[Keyword(word)], of, draw.takes) for draw in mine]
        after = [share(found[draw.keyword], of, draw.takes) for draw in mine]
        rows.append(
            Row(
                word,
                len(of),
                sum(before) / len(mine),
                sum(after) / len(mine),
                false[Keyword(word)],
                sum(false[draw.keyword] for draw in mine) / len(mine),
                max(false[draw.keyword] for draw in mine),
                sum(draw.keyword != Keyword(word) for draw in mine),
            )
        )
    return hours, rows


def in_force(model: Model, keyword: Keyword, frames: Sequence[Frames]) -> list[Heard]:
    """What a daemon would have told."""
    spotter = PhraseSpotter(model, [keyword])
    told = (event for each in frames for event in spotter.search(each))
    return [Heard(event.score, event.start, event.end) for event in told if isinstance(event, Detection)]


def found_in(hits: Sequence[Heard], labels: Sequence[Label]) -> set[str]:
    """Recordings, by their label, with a hit in them."""
    return {label.phrase for label in labels if any(label.start_s <= hit.end_s <= label.end_s + 1.0 for hit in hits)}


def share(found: set[str], paths: Sequence[str], takes: Sequence[str]) -> float:
    """Recall on what was not drawn."""
    others = [path for path in paths if path not in takes]
    return sum(path in found for path in others) / len(others)


def write_page(model: str, rows: Sequence[Row], hours: float) -> str:
    """The table as bench/results/enrol.md, and its numbers beside it."""
    lines = [
        "# Enrolment",
        "",
        f"Made by `python -m bench enrol` with {model}: {TAKES} takes at random, {DRAWS} draws a word, tested on its",
        f"other recordings; false alarms in {hours:.2f} h of speech set apart, a word at a time, with the Poisson",
        "bound of their mean. A word is new where neither the lexicon nor CMUdict has it.",
        "",
        "| word | new | recordings | recall before | after | points | false/h before | after | ≤ (95 %) | changed |",
        "|---|---|---|---|---|---|---|---|---|---|",
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
            f"{row.false_before / hours:.2f}",
            f"{row.false_after / hours:.2f}",
            f"{bound:.2f}",
            f"{row.changed} of {DRAWS}",
        )
        lines.append(f"| {' | '.join(cells)} |")
    page = "\n".join(lines) + "\n"
    RESULTS.mkdir(parents=True, exist_ok=True)
    (RESULTS / "enrol.md").write_text(page, encoding="utf-8")
    figures = {row.word: [row.before, row.after, row.false_before, row.false_after, row.worst_after] for row in rows}
    (RESULTS / "enrol.json").write_text(json.dumps({"hours": hours, "words": figures}, indent=1) + "\n")
    return page
