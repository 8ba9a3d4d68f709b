"""Three wake words, 360 real clips, one stream as a daemon hears it."""

from bench.engine import hearing
from bench.engine.hearing import Engine
from bench.engine.peer import CARD, EAGER, Peer
from bench.engine.product import Product
from bench.engine.report import Section
from bench.engine.selection import WAKEWORDS
from measure import scoring, streams
from measure.streams import Stream


def engines() -> list[Engine]:
    """The peer at both settings of its published figures, and kwsd."""
    return [Peer(WAKEWORDS, *CARD), Peer(WAKEWORDS, *EAGER), Product(WAKEWORDS)]


def measure(jobs: int) -> Section:
    """Recall and false alarms in the quiet stream."""
    return section("wakewords", "Wake words in one stream", streams.wakewords(), [], jobs)


def section(name: str, title: str, stream: Stream, notes: list[str], jobs: int) -> Section:
    """Scores every engine on a stream of wake words."""
    del jobs
    scores = {
        engine.title: scoring.score(stream.labels, hearing.hear(engine, stream.wav), stream.hours)
        for engine in engines()
    }
    rows = [
        [
            engine,
            f"**{score.recall:.3f}**",
            *(f"{recall:.3f}" for recall in score.per_phrase.values()),
            str(score.false),
        ]
        for engine, score in scores.items()
    ]
    return Section(
        name,
        title,
        ("engine", "mean recall", *sorted(WAKEWORDS), f"false alarms in {stream.hours:.2f} h"),
        rows,
        [
            "stream as from `shared/peers/stream.py`, byte for byte; scoring as in `score.py`",
            "kwsd's defaults were chosen on these clips (and on speech without them), so this is a development figure",
            *notes,
        ],
        figures={
            engine: {"recall": score.recall, "per_phrase": score.per_phrase, "false": score.false}
            for engine, score in scores.items()
        },
    )
