"""Three wake words on hours of speech that has none of them, and the operating curve that follows."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict

from bench import hearing, operating, plots, streams
from bench.hearing import Engine
from bench.operating import Heard, Point
from bench.product import LENIENT, Product
from bench.report import Section
from bench.scoring import LATE_S, Hit, Label, score
from bench.sections.wakewords import engines
from bench.selection import WAKEWORDS
from bench.streams import Stream
from kwsd.search.settings import SearchSettings

SHOWN = 12  # false alarms of kwsd that the page lists
NOISY_DB = 10.0
Heards = dict[str, list[tuple[Stream, Hit, str]]]
"""Per engine every false alarm: in which stream, what, and the transcript there."""


def measure(jobs: int) -> Section:
    """False alarms of every engine over all of shared/speech; the curve of kwsd."""
    corpora = [streams.corpus(name) for name in streams.corpora()]
    hours = sum(stream.hours for stream in corpora)
    false = {engine.title: false_alarms(engine, corpora, jobs) for engine in engines()}
    points = curve(corpora, hours, jobs)
    check_replay()
    plot = picture(points, {title: len(alarms) / hours for title, alarms in false.items()}, hours)
    rows = [row(title, [hit.phrase for _, hit, _ in alarms], hours) for title, alarms in false.items()]
    return Section(
        "false-alarms",
        f"False alarms of the three wake words in {hours:.1f} h of speech",
        ("engine", "per hour", "in all", *sorted(WAKEWORDS)),
        [*rows, *curve_rows(points)],
        [*notes(corpora, points), *listed(false["kwsd"])],
        [plot],
        {
            "hours": hours,
            "curve": [asdict(point) for point in points],
            "false": {
                title: [{"corpus": stream.wav.stem, **asdict(hit), "transcript": text} for stream, hit, text in alarms]
                for title, alarms in false.items()
            },
        },
    )


def check_replay() -> None:
    """Replayed frames must give what live ones give, to the last digit."""
    engine, wav = Product(WAKEWORDS), streams.wakewords().wav
    if hearing.hear(engine, wav) != hearing.hear(engine, wav, replay=True):
        raise RuntimeError("a replayed stream is heard differently: delete bench/.work/tapes")


def row(title: str, phrases: Sequence[str], hours: float) -> list[str]:
    """One engine's line."""
    count = Counter(phrases)
    return [
        title,
        f"**{len(phrases) / hours:.2f}**",
        str(len(phrases)),
        *(str(count[word]) for word in sorted(WAKEWORDS)),
    ]


def false_alarms(engine: Engine, corpora: Sequence[Stream], jobs: int) -> list[tuple[Stream, Hit, str]]:
    """What the engine reports where nobody says it."""
    hits = hearing.hear_all(engine, [stream.wav for stream in corpora], jobs)
    found = [(stream, hit, transcript(stream.labels, hit)) for stream in corpora for hit in hits[stream.wav]]
    return [(stream, hit, text) for stream, hit, text in found if hit.phrase not in text.split()]


def transcript(labels: Sequence[Label], hit: Hit) -> str:
    """What was said where the hit is; empty where there is no transcript."""
    near = [label.phrase for label in labels if label.start_s <= hit.time_s <= label.end_s + LATE_S]
    return near[-1] if near else ""


def curve(corpora: Sequence[Stream], hours: float, jobs: int) -> list[Point]:
    """Operating points of kwsd over the threshold."""
    engine, defaults = Product(WAKEWORDS, LENIENT), SearchSettings()
    quiet, noisy = streams.wakewords(), streams.wakewords(NOISY_DB)
    hits = hearing.hear_all(engine, [quiet.wav, noisy.wav, *(stream.wav for stream in corpora)], jobs)
    speech = {stream.wav.stem: hits[stream.wav] for stream in corpora}
    heard = Heard((quiet, hits[quiet.wav]), (noisy, hits[noisy.wav]), speech, hours)
    return operating.by_threshold(heard, defaults.min_score, defaults.refractory_s)


def curve_rows(points: Sequence[Point]) -> list[list[str]]:
    """The curve as lines of the same table."""
    return [
        [
            f"kwsd, threshold {point.threshold:g} (swept)",
            f"{point.false_per_hour:.2f}",
            f"recall {point.recall:.3f}",
            f"at {NOISY_DB:g} dB {point.noisy_recall:.3f}",
            "",
        ]
        for point in points
    ]


def picture(points: Sequence[Point], rates: dict[str, float], hours: float) -> str:
    """Recall against false alarms: kwsd's curves, and each engine where it stands."""
    stands: dict[str, tuple[float, float]] = {}
    for engine in engines():
        for name, stream in (("quiet", streams.wakewords()), (f"{NOISY_DB:g} dB", streams.wakewords(NOISY_DB))):
            recall = score(stream.labels, hearing.hear(engine, stream.wav)).recall
            stands[f"{engine.title}, {name}"] = rates[engine.title], recall
    curves = {
        "kwsd by threshold, quiet": [(point.false_per_hour, point.recall) for point in points],
        f"kwsd by threshold, {NOISY_DB:g} dB": [(point.false_per_hour, point.noisy_recall) for point in points],
    }
    return plots.operating_curve(curves, stands, hours)


def notes(corpora: Sequence[Stream], points: Sequence[Point]) -> list[str]:
    """What must be known to read the table."""
    spoken = Counter(word for stream in corpora for label in stream.labels for word in label.phrase.split())
    real = sum(spoken[word] for word in WAKEWORDS)
    untold = sum(stream.hours for stream in corpora if not any(label.phrase for label in stream.labels))
    return [
        (
            f"all of `shared/speech`, each corpus one stream; the transcripts have the three words {real} times"
            " (hits there are left out)"
        ),
        f"{untold:.1f} h have no transcript; every hit there counts as false",
        (
            f"swept: one run of kwsd at threshold {LENIENT.threshold:g} without minimum score; the limits (minimum"
            f" score {points[0].min_score:g}) and the refractory time were applied to its hits afterwards"
        ),
        "swept points are estimates: a weak hit can stand in the way of a later one that a strict run would have heard",
    ]


def listed(alarms: Sequence[tuple[Stream, Hit, str]]) -> list[str]:
    """Some of kwsd's false alarms, for people to judge."""
    strongest = sorted(alarms, key=lambda alarm: -alarm[1].score)[:SHOWN]
    return [
        f"kwsd heard {hit.phrase} ({hit.score:.2f}, minimum {hit.min_score:.2f}) in “{text.lower() or 'no transcript'}”"
        for _, hit, text in strongest
    ]
