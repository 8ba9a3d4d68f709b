"""A page of what was found: one HTML file that asks for nothing else, with a timeline for each recording."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from html import escape
from pathlib import Path
from string import Template

from kwsd.archive.outputs import Row
from kwsd.archive.run import FileOutcome
from kwsd.archive.snippets import HitPlace
from kwsd.records import now, printable
from kwsd.small_files import written_whole

MOST_RECORDINGS, MOST_HITS = 500, 5000  # what a browser shows without effort
GOLDEN_ANGLE = 137.508  # degrees: any number of hues, each far from the last ones


def write_page(
    path: Path, outcomes: Iterable[FileOutcome], rows: Sequence[Row], sounds: Mapping[HitPlace, str]
) -> None:
    """Whole or not at all; `sounds` are data: addresses. Raises OSError."""
    files = list(outcomes)
    counts = Counter(row["keyword"] for row in rows)
    hues = {keyword: round(number * GOLDEN_ANGLE) % 360 for number, (keyword, _) in enumerate(counts.most_common())}
    by_recording: dict[str, list[Row]] = {}
    for row in rows[:MOST_HITS]:
        by_recording.setdefault(row["recording"], []).append(row)
    shown = [each for each in files if each.recording in by_recording][:MOST_RECORDINGS]
    made = now()[:16].replace("T", " ")
    hours = sum(each.sound_s for each in files) / 3600
    told = f"{len(rows)} hits in {hours:.2f} h of sound, {len(files)} recordings. Made {made} UTC by kwsd-archive."
    if len(rows) > MOST_HITS or len({row["recording"] for row in rows}) > len(shown):
        told += f" Shown here are the first {sum(len(by_recording[each.recording]) for each in shown)}; --out has all."
    body = [
        phrases_section(counts, hues),
        *(recording_section(each, by_recording[each.recording], hues, sounds) for each in shown),
        files_section(files),
    ]
    template = Template(Path(__file__).with_name("page.html").read_text(encoding="utf-8"))
    text = template.substitute(title="What was said", summary=told, body="\n".join(body))
    with written_whole(path) as part:
        part.write_text(text, encoding="utf-8")


def text_of(name: str) -> str:
    """What others named, as text of a page, whatever is in it; its direction of writing stays its own."""
    return f"<bdi>{escape(printable(name))}</bdi>"


def clock(time_s: float) -> str:
    """Hours, minutes and seconds."""
    minutes, seconds = divmod(round(time_s, 1), 60)
    return f"{int(minutes) // 60}:{int(minutes) % 60:02}:{seconds:04.1f}"


def phrases_section(counts: Counter[str], hues: Mapping[str, int]) -> str:
    """How often each phrase was found; nothing where none was."""
    lines = [
        f'<tr><td><span class="dot" style="--hue:{hues[each]}"></span>{text_of(each)}</td>'
        f'<td class="number">{count}</td></tr>'
        for each, count in counts.most_common()
    ]
    head = '<thead><tr><th>Phrase</th><th class="number">Hits</th></tr></thead>'
    return f"<section><h2>Phrases</h2><table>{head}<tbody>{''.join(lines)}</tbody></table></section>" if lines else ""


def recording_section(
    outcome: FileOutcome, rows: Sequence[Row], hues: Mapping[str, int], sounds: Mapping[HitPlace, str]
) -> str:
    """One recording: a timeline of its hits, and a line with a sound for each."""
    length_s = max(outcome.sound_s, *(row["end"] for row in rows))
    marks, lines = [], []
    for row in rows:
        keyword, hue = text_of(row["keyword"]), hues[row["keyword"]]
        place = HitPlace.of(row)
        left, width = 100 * row["start"] / length_s, 100 * (row["end"] - row["start"]) / length_s
        title = escape(f"{printable(row['keyword'])}, {clock(row['start'])}")
        marks.append(
            f'<a href="#{place.name}" title="{title}" aria-label="{title}" '
            f'style="--hue:{hue};left:{left:.3f}%;width:{width:.3f}%"></a>'
        )
        sound = f'<audio controls preload="none" src="{sounds[place]}"></audio>' if place in sounds else ""
        lines.append(
            f'<tr id="{place.name}"><td class="number">{clock(row["start"])}</td><td>'
            f'<span class="dot" style="--hue:{hue}"></span>{keyword}</td>'
            f'<td class="number">{row["score"]:.2f}</td><td>{sound}</td></tr>'
        )
    head = (
        '<thead><tr><th class="number">Time</th><th>Phrase</th><th class="number">Score</th><th>Sound</th></tr></thead>'
    )
    return (
        f"<section><h2>{text_of(outcome.recording)}</h2><p>{'; '.join(_told(outcome))}</p>"
        f'<div class="timeline">{"".join(marks)}</div>'
        f'<div class="scale"><span>0:00:00</span><span>{clock(length_s)}</span></div>'
        f'<table class="hits">{head}<tbody>{"".join(lines)}</tbody></table></section>'
    )


def files_section(files: Sequence[FileOutcome]) -> str:
    """What became of every file: those that failed first."""
    ordered = sorted(files, key=lambda each: (each.outcome != "failed", each.recording))
    lines = [
        f"<tr><td>{text_of(each.recording)}</td><td>{'; '.join(_told(each))}</td></tr>" for each in ordered[:MOST_HITS]
    ]
    more = f"<p>And {len(files) - MOST_HITS} more: report.jsonl has them.</p>" if len(files) > MOST_HITS else ""
    failed = sum(each.outcome == "failed" for each in files)
    head = "<thead><tr><th>Recording</th><th>What became of it</th></tr></thead>"
    return (
        f"<details{' open' if failed else ''}><summary>{len(files)} files, {failed} of them failed</summary>"
        f"<table>{head}<tbody>{''.join(lines)}</tbody></table>{more}</details>"
    )


def _told(outcome: FileOutcome) -> Iterator[str]:
    yield outcome.outcome
    if outcome.sound_s:
        yield f"{clock(outcome.sound_s)} heard"
    yield from map(text_of, outcome.notes)
