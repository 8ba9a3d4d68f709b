"""Fit a model's confidence: which of all candidates were said, from the signs that its search sees of them.

Candidates are taken as the search finds them with nothing in the way, on recordings of dev speakers; phrases
that rules judge as well are left out. Half of the groups (people, or phrases where nobody is known) fit what the other
half is tested with, and then all fit what is written into model.toml. The bias is set so that 0.5 means a wanted rate.
"""

import math
import zlib
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from kwsd.acoustic.frame_file import FrameFile
from kwsd.acoustic.model import Model
from kwsd.keywords.compile import compile_keywords
from kwsd.keywords.keyword import Keyword
from kwsd.models.description import DESCRIPTION
from kwsd.search.confidence import Confidence, Signs, inputs_of
from kwsd.search.hits import Hit, Miss
from kwsd.search.search import KeywordSearch
from kwsd.search.settings import SHORT_TOKENS, SearchSettings
from kwsd.stream import Frames
from kwsd.timebase import encoder_frame_start, seconds
from measure.scoring import Label
from training.zipformer.data.listening import Part, parts
from training.zipformer.description import write_confidence
from training.zipformer.evaluate import WORK
from training.zipformer.hearing import frame_path, record, streams
from training.zipformer.progress import progress

OPEN = SearchSettings(threshold=0.99, min_score=0.0, min_margin=0.0, margin_per_token=-3.0, refractory_s=0.0, boost=1.5)
"""Nothing fires, and all that comes near is told."""
BLANK = replace(Confidence(**dict.fromkeys(Confidence.names(), 0.0), least_tokens=SHORT_TOKENS + 1), text_margin=1.0)
"""All signs are taken, and nothing is near to firing."""
FALSE_PER_HOUR = 0.026
"""Of an average phrase in speech without it, at a score of 0.5."""
OTHER_SPEECH = "wakewords"
"""The part whose false alarms count."""
NEAR_S = 0.6
"""A candidate may end this long beside its label."""
RIDGE = 1e-3
ROUNDS = 40
LEVELS = (0.3, 0.4, 0.5, 0.6, 0.7, 0.8)


@dataclass(frozen=True)
class Sample:
    """A candidate, and whether it was said."""

    part: str
    group: str
    phrase: str
    signs: Signs
    said: bool
    weight: float


def fit_confidence(directory: Path, shared: Path, limit: int) -> Iterator[str]:
    """Fit and write the confidence of a model directory; gives lines that say how good it is on those kept apart.

    Args:
        directory: of the model.
        shared: the folder of recordings.
        limit: recordings of the long rows, 0 for all.
    """
    model = Model.load(directory)
    samples, said, listened_hours = [], {}, 0.0
    for part in parts(shared, WORK, limit):
        samples += list(candidates(model, part))
        said[part.name] = sum(len(each.trial.labels) for each in part.recordings)
        if part.name == OTHER_SPEECH:
            listened_hours = _listened_hours(model, part)
    halves = [[s for s in samples if _half(s) == half] for half in (0, 1)]
    fitted = [_at_rate(fit(halves[1 - half]), halves[half], listened_hours / 2) for half in (0, 1)]
    yield from _report([(s, fitted[half].score(s.signs)) for half in (0, 1) for s in halves[half]], said)
    confidence = fit(samples)
    shifts = [tested.bias - fit(halves[1 - half]).bias for half, tested in enumerate(fitted)]
    confidence = replace(confidence, bias=round(confidence.bias + sum(shifts) / 2, 3))
    yield ", ".join(f"{name} {getattr(confidence, name):.2f}" for name in Confidence.names())
    write_confidence(directory / DESCRIPTION, confidence)


def _listened_hours(model: Model, part: Part) -> float:
    """Hours of speech without any of its phrases, times the long phrases that are listened for."""
    path = frame_path(WORK, model, part.name, part.limit)
    heard = zip(part.recordings, streams(FrameFile(path).read()), strict=True)
    frames = sum(frames.count for each, stream in heard if not each.trial.labels for frames in stream)
    phrases = part.recordings[-1].phrases
    long = sum(len(next(model.tokenizer.encodings(phrase))) > SHORT_TOKENS for phrase in phrases)
    return long * seconds(encoder_frame_start(frames)) / 3600


def _at_rate(confidence: Confidence, samples: Sequence[Sample], hours: float) -> Confidence:
    """The same with its bias set such that so many of `samples` that were not said reach 0.5."""
    scores = (confidence.score(s.signs) for s in samples if s.part == OTHER_SPEECH and not s.said)
    highest = sorted(scores, reverse=True)[: round(FALSE_PER_HOUR * hours)]
    return replace(confidence, bias=confidence.bias - math.log(highest[-1] / (1.0 - highest[-1])))


def candidates(model: Model, part: Part) -> Iterator[Sample]:
    """All that comes near in the recordings of a part."""
    trials = tuple(each.trial for each in part.recordings)
    path = frame_path(WORK, model, part.name, part.limit)
    if not path.exists():
        record(model, trials, path)
    heard = progress(part.recordings, len(trials), f"{part.name}: candidates")
    for each, stream in zip(heard, streams(FrameFile(path).read()), strict=True):
        for phrase, found in _found(model, each.phrases, stream):
            labels = [label for label in each.trial.labels if label.phrase == phrase]
            for miss, was_said in _labelled(found, labels):
                if miss.signs is not None:
                    weight = part.said if was_said else part.others
                    yield Sample(part.name, each.group, phrase, miss.signs, was_said, weight)


def _found(model: Model, phrases: Sequence[str], stream: Sequence[Frames]) -> Iterator[tuple[str, list[Hit | Miss]]]:
    """The candidates of each phrase in one stream."""
    size = model.transducer.vocabulary_size
    compiled = compile_keywords([Keyword(phrase) for phrase in phrases], model.tokenizer, size, OPEN, BLANK)
    search = KeywordSearch(compiled.searched, model.transducer)
    by_phrase: dict[str, list[Hit | Miss]] = defaultdict(list)
    for found in [*(each for frames in stream for each in search.push(frames)), *search.finish()]:
        by_phrase[phrases[found.keyword]].append(found)
    yield from by_phrase.items()


def _labelled(found: Sequence[Hit | Miss], labels: Sequence[Label]) -> Iterator[tuple[Hit | Miss, bool]]:
    """Whether each was said. Where nobody knows when, the surest ones were, and of the others one cannot tell."""
    if labels and labels[0].end_s == float("inf"):
        surest = sorted(found, key=lambda each: -sum(each.posteriors))
        yield from ((each, True) for each in surest[: len(labels)])
        return
    for each in found:
        end_s = seconds(encoder_frame_start(each.aligned[-1]))
        yield each, any(label.start_s - NEAR_S <= end_s <= label.end_s + NEAR_S for label in labels)


def fit(samples: Sequence[Sample]) -> Confidence:
    """Logistic regression with a ridge, by Newton's method; a weight that would have the wrong sign becomes 0."""
    inputs = np.stack([_inputs(sample.signs) for sample in samples])
    said, weight = (np.array([getattr(s, name) for s in samples], float) for name in ("said", "weight"))
    kept = np.ones(inputs.shape[1], bool)
    while True:
        values = np.zeros(len(kept))
        values[kept] = _newton(inputs[:, kept], said, weight)
        by_name = dict(zip(Confidence.names(), (round(float(value), 3) for value in values), strict=True))
        wrong = _wrong_sign(by_name)
        if wrong is None:
            return Confidence(**by_name, least_tokens=SHORT_TOKENS + 1)
        kept[Confidence.names().index(wrong)] = False


def _wrong_sign(values: dict[str, float]) -> str | None:
    """A weight under which a surer phrase could score less."""
    if values["posterior"] < 0:
        return "posterior"
    if values["posterior"] + values["running_posterior"] < 0:
        return "running_posterior"
    for name in ("margin", "weakest", "text_margin"):
        if values[name] < 0:
            return name
    return "goes_on" if values["goes_on"] > 0 else None


def _newton(inputs: NDArray[np.float64], said: NDArray[np.float64], weight: NDArray[np.float64]) -> NDArray[np.float64]:
    values = np.zeros(inputs.shape[1])
    ridge = RIDGE * weight.sum() * np.eye(len(values))
    ridge[0, 0] = 0.0
    for _ in range(ROUNDS):
        likely = 1.0 / (1.0 + np.exp(-np.clip(inputs @ values, -30, 30)))
        slope = inputs.T @ (weight * (said - likely)) - ridge @ values
        bend = (inputs * (weight * likely * (1 - likely))[:, None]).T @ inputs + ridge
        values = values + np.linalg.solve(bend + 1e-9 * np.eye(len(values)), slope)
    return values


def _inputs(signs: Signs) -> NDArray[np.float64]:
    """What each weight is multiplied with: the score is linear in them before it is squeezed."""
    return np.array(inputs_of(signs))


def _report(scored: Sequence[tuple[Sample, float]], said: dict[str, int]) -> Iterator[str]:
    """What share of all that was said, and how many others, reach each level."""
    yield f"| part | said | {' | '.join(f'at {level:g}' for level in LEVELS)} |"
    yield "|---|---|" + "---|" * len(LEVELS)
    for part, count in said.items():
        own = [(sample.said, score) for sample, score in scored if sample.part == part]
        cells = []
        for level in LEVELS:
            right = sum(was and score >= level for was, score in own)
            wrong = sum(not was and score >= level for was, score in own)
            cells.append(f"{right / max(1, count):.3f}, {wrong} false")
        yield f"| {part} | {count} | {' | '.join(cells)} |"


def _half(sample: Sample) -> int:
    """The same for all samples of a person; where many or nobody is known, of a phrase."""
    alone = sample.part == "running"
    return zlib.crc32((sample.group if alone else sample.phrase).encode()) % 2
