"""What each engine of the fixed set hears in words with gaps and in running speech; kept per model file."""

import hashlib
import json
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, get_args

import numpy as np
from numpy.typing import NDArray

from kwsd.commands12.isolation import COMMAND_WEIGHTS, LOOK_BACK
from kwsd.commands12.model import FixedModel, find_model
from kwsd.commands12.second import OTHER
from kwsd.config.settings import FixedWords
from kwsd.events import Detection
from kwsd.limits import EngineName
from kwsd.small_files import written_whole
from kwsd.spotters.fixed import FixedSpotter
from kwsd.stream import Chunk
from kwsd.timebase import samples
from measure.command_streams import (
    Outcome,
    Stream,
    other_words,
    running_speech,
    score,
    speech_set_apart,
    words_with_gaps,
)
from measure.paths import WORK
from measure.progress import track
from measure.scoring import hit_of

BLOCK_SAMPLES = 5120
ALL_HOURS = 100.0

Feed = Callable[[NDArray[np.float32]], list[Detection]]


@dataclass(frozen=True)
class Heard:
    """What one stream came to."""

    outcome: Outcome
    latency_ms: float
    """Median from the end of the word to its report."""


def streams(shared: Path) -> dict[str, Stream]:
    """Commands, other words that are said alone, and speech that training has not heard."""
    return {
        "words": words_with_gaps(shared),
        "others": other_words(shared),
        "dev": running_speech(shared, "dev", ALL_HOURS),
        "apart": speech_set_apart(shared),
    }


def heard(model: FixedModel, name: str, stream: Stream) -> Heard:
    """What this model hears in a stream; measured once for each state of it and of the one that it asks."""
    kept = f"{model.engine}-{name}-{len(stream.pieces)}-{int(stream.seconds)}-{state(model)}.json"
    path = WORK / "commands12" / kept
    if (known := recalled(path)) is not None:
        return known
    found = listen(model, stream, f"{model.name}: {name}")
    path.parent.mkdir(parents=True, exist_ok=True)
    with written_whole(path) as part:
        part.write_text(json.dumps(asdict(found)) + "\n", encoding="utf-8")
    return found


def recalled(path: Path) -> Heard | None:
    """What was kept there; None where nothing is, or nothing that can be used."""
    try:
        return from_json(json.loads(path.read_text(encoding="utf-8")))
    except (FileNotFoundError, ValueError, KeyError, TypeError):
        return None


def state(model: FixedModel) -> str:
    """Changes with the models, the thresholds, the settings and what is made of them."""
    engine = model.engine
    used = sorted(model.thresholds.items()), FixedWords(), COMMAND_WEIGHTS[engine], LOOK_BACK[engine]
    content = model.path.read_bytes() + find_model(OTHER[engine]).path.read_bytes() + repr(used).encode()
    return hashlib.sha256(content).hexdigest()[:12]


def from_json(content: dict[str, Any]) -> Heard:
    """What `asdict` made of it."""
    return Heard(Outcome(**content["outcome"]), content["latency_ms"])


def listen(model: FixedModel, stream: Stream, what: str) -> Heard:
    """The spotter as the daemon runs it, fed in blocks of 320 ms."""
    spotter = FixedSpotter(model, FixedWords(engine=model.engine))
    hits = [hit for read in track(stream.parts, what) for hit in feed(taking_samples(spotter), read())]
    hits += spotter.finish()
    outcome = score(stream, [hit_of(hit, samples(hit.stream_time)) for hit in hits])
    return Heard(outcome, float(np.median([hit.latency_ms for hit in hits])) if hits else 0.0)


def taking_samples(spotter: FixedSpotter) -> Feed:
    """The spotter for sound that has no place in a stream yet."""
    return lambda block: spotter.push(Chunk(spotter.position_samples, block, ""))


def feed(accept: Feed, sound: NDArray[np.float32]) -> list[Detection]:
    """One sound in blocks."""
    pieces = (sound[start : start + BLOCK_SAMPLES] for start in range(0, len(sound), BLOCK_SAMPLES))
    return [hit for piece in pieces for hit in accept(piece)]


def engines() -> tuple[EngineName, ...]:
    """Both."""
    return get_args(EngineName)
