"""Three wake words on hours of speech that has none of them."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass

from bench.engine import hearing
from bench.engine.hearing import Engine
from bench.engine.peer import CARD, Peer
from bench.engine.product import Product
from bench.engine.report import Section
from bench.engine.selection import WAKEWORDS
from measure import streams
from measure.scoring import LATE_S, Hit, Label
from measure.streams import Stream

PEER_CORPUS = "librispeech-train-clean-5"  # the peer has no frames to replay, so it hears the densest corpus only
SHOWN = 12  # false alarms of kwsd that the page lists


@dataclass(frozen=True, slots=True)
class Alarm:
    """A report of something that nobody said."""

    corpus: str
    hit: Hit
    transcript: str
    """What was said there; empty where there is no transcript."""


def engines() -> list[Engine]:
    """The peer at its published setting, and kwsd."""
    return [Peer(WAKEWORDS, *CARD), Product(WAKEWORDS)]


def measure(jobs: int) -> Section:
    """False alarms of every engine over all of shared/speech."""
    check_replay()
    alarms = {engine.title: false_alarms(engine, jobs) for engine in engines()}
    hours = {engine.title: hours_for(engine) for engine in engines()}
    return Section(
        "false-alarms",
        "False alarms of the three wake words in speech that has none of them",
        ("engine", "hours", "per hour", "in all", *sorted(WAKEWORDS)),
        [row(title, of, hours[title]) for title, of in alarms.items()],
        [*notes(), *listed(alarms["kwsd"])],
        figures={"hours": hours, **{title: [asdict(alarm) for alarm in of] for title, of in alarms.items()}},
    )


def corpora_for(engine: Engine) -> list[Stream]:
    """What the engine is to hear."""
    return [streams.corpus(name) for name in streams.corpora() if isinstance(engine, Product) or name == PEER_CORPUS]


def hours_for(engine: Engine) -> float:
    """How much that is."""
    return sum(stream.hours for stream in corpora_for(engine))


def check_replay() -> None:
    """Replayed frames must give what live ones give, to the last digit."""
    engine, wav = Product(WAKEWORDS), streams.wakewords().wav
    if hearing.hear(engine, wav) != hearing.hear(engine, wav, replay=True):
        raise RuntimeError("a replayed stream is heard differently: delete bench/.work/tapes")


def false_alarms(engine: Engine, jobs: int) -> list[Alarm]:
    """What the engine reports where nobody says it."""
    corpora = corpora_for(engine)
    hits = hearing.hear_all(engine, [stream.wav for stream in corpora], jobs)
    heard = [
        Alarm(stream.wav.stem, hit, transcript(stream.labels, hit)) for stream in corpora for hit in hits[stream.wav]
    ]
    return [alarm for alarm in heard if alarm.hit.phrase not in alarm.transcript.split()]


def transcript(labels: Sequence[Label], hit: Hit) -> str:
    """What was said where the hit is; empty where there is no transcript."""
    near = [label for label in labels if label.start_s <= hit.time_s <= label.end_s + LATE_S]
    return min(near, key=lambda label: abs(label.end_s - hit.time_s)).phrase if near else ""


def row(title: str, alarms: Sequence[Alarm], hours: float) -> list[str]:
    """One engine's line."""
    count = Counter(alarm.hit.phrase for alarm in alarms)
    per_word = [str(count[word]) for word in sorted(WAKEWORDS)]
    return [title, f"{hours:.1f}", f"**{len(alarms) / hours:.2f}**", str(len(alarms)), *per_word]


def notes() -> list[str]:
    """What must be known to read the table."""
    corpora = [streams.corpus(name) for name in streams.corpora()]
    spoken = Counter(word for stream in corpora for label in stream.labels for word in label.phrase.split())
    untold = sum(stream.hours for stream in corpora if not any(label.phrase for label in stream.labels))
    return [
        f"kwsd: {', '.join(streams.corpora())} of `shared/speech`; the peer: {PEER_CORPUS}",
        f"each corpus is one stream, utterances {streams.UTTERANCE_GAP_S:g} s apart",
        f"transcripts have the three words {sum(spoken[word] for word in WAKEWORDS)} times; hits there are left out",
        f"{untold:.1f} h have no transcript; every hit there counts as false",
    ]


def listed(alarms: Sequence[Alarm]) -> list[str]:
    """Some of kwsd's false alarms, for people to judge."""
    return [
        f"kwsd heard {alarm.hit.phrase} (score {alarm.hit.score:.2f}, least {alarm.hit.min_score:.2f}) in"
        f" “{alarm.transcript.lower() or 'no transcript'}”"
        for alarm in sorted(alarms, key=lambda alarm: -alarm.hit.score)[:SHOWN]
    ]
