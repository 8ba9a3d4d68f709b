"""Both models on one stream of commands: who hears them, and whether any is told twice."""

from collections import Counter
from dataclasses import dataclass

import kwsd
from kwsd.commands12.model import find_model
from kwsd.config.settings import FixedWords
from kwsd.events import Detection
from kwsd.keywords.keyword import Keyword
from kwsd.limits import EngineName
from kwsd.spotters.fixed import FixedSpotter
from kwsd.spotters.paired import PairedSpotter
from kwsd.spotters.phrases import PhraseSpotter
from kwsd.stream import Chunk
from measure.command_streams import Piece, Stream, is_near
from measure.commands import WORDS
from measure.progress import track
from measure.scoring import hit_of

BLOCK_SAMPLES = 5120
HEARD_BY = ("both", "open vocabulary alone", "fixed alone", "neither")


@dataclass(frozen=True)
class Shares:
    """What became of the commands of a stream."""

    engine: str
    said: int
    heard_by: Counter[str]
    """By HEARD_BY."""
    told_twice: int
    """Commands with more than one event of their word."""
    wrong: int
    """Events at no command of their word."""


def arbitrate(engine: EngineName, model: kwsd.Model, stream: Stream) -> Shares:
    """Run both, as `--fallback alongside` does."""
    keywords = [Keyword(word) for word in WORDS]
    fixed = FixedSpotter(find_model(engine), FixedWords(engine=engine), keywords)
    spotter = PairedSpotter(fixed, PhraseSpotter(model, keywords), alongside=True)
    events = []
    for read in track(stream.parts, f"alongside: {engine}"):
        sound = read()
        for start in range(0, len(sound), BLOCK_SAMPLES):
            events += spotter.push(Chunk(spotter.position_samples, sound[start : start + BLOCK_SAMPLES], ""))
    return shares(engine, stream, [event for event in [*events, *spotter.finish()] if isinstance(event, Detection)])


def shares(engine: str, stream: Stream, heard: list[Detection]) -> Shares:
    """Count the events of each command."""
    heard_by: Counter[str] = Counter()
    twice = near = 0
    for piece in stream.pieces:
        own = [event for event in heard if is_of(event, piece)]
        heard_by[who(own)] += 1
        twice += len(own) > 1
        near += len(own)
    return Shares(engine, len(stream.pieces), heard_by, twice, len(heard) - near)


def is_of(event: Detection, piece: Piece) -> bool:
    """Whether an event is of a command's word, where it was said."""
    return event.phrase.lower() in piece.words and is_near(hit_of(event, 0), piece)


def who(own: list[Detection]) -> str:
    """Who heard a command, by its events."""
    engines = {each for event in own for each in (event.engine, event.second_engine) if each}
    if not engines:
        return HEARD_BY[3]
    if "zipformer" not in engines:
        return HEARD_BY[2]
    return HEARD_BY[0] if len(engines) > 1 else HEARD_BY[1]
