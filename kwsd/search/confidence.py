"""From what is seen of a phrase to one score: a logistic model of how likely it was said, fitted for each model.

One number stands in place of a row of vetoes: a phrase that is short of one sign may make up for it by another. The
weights are fitted on recordings of people kept apart (logistic regression; Cox 1958), and lie in model.toml.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import fields, replace
from typing import Any

from kwsd.quick_dataclass import dataclass

LEAST = 0.01  # posteriors nearer to 0 or 1 tell no more
SOFTNESS = 2.0  # of the weakest: 0 would be the least posterior alone, which noise decides
LEAST_TOKENS = "least_tokens"
TEXT_MARGIN = "text_margin"
LEAST_MARGIN = -3.0  # nor do margins per token below this one, nats


@dataclass(frozen=True, slots=True, kw_only=True)
class Signs:
    """What is seen of a phrase in the sound."""

    posterior: float
    """Mean over its tokens, 0 to 1."""
    margin_nats: float
    """How much less probable than the best hypothesis: 0 or below."""
    tokens: int
    goes_on: float
    """How likely its last word goes on behind it, 0 to 1, as NIGHT does in NIGHTFALL."""
    spoken_before: float
    """Share of the time right before it that is speech, 0 to 1."""
    weakest: float
    """Soft minimum of the posteriors, 0 to 1: what came about by chance mostly lacks one sound altogether."""
    longest_gap: int
    """Frames between two neighbouring tokens."""
    text_margin_nats: float = 0.0
    """How much less probable than the likeliest text in the same sound: 0 or below; 0 where it was not asked."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Confidence:
    """The weights. The score rises with the posterior and with the margin, and falls where the word goes on."""

    bias: float
    posterior: float
    """Of its logit."""
    margin: float
    """Of the margin per token, nats."""
    length: float
    """Of the logarithm of the number of tokens: a long phrase does not come about by chance."""
    goes_on: float
    spoken_before: float
    """Of speech right before it: what is said to a machine mostly begins in silence."""
    running_posterior: float
    """The same times the posterior's logit."""
    running_length: float
    """The same times the logarithm of the number of tokens."""
    weakest: float
    """Of the soft minimum's logit."""
    longest_gap: float
    """Of the longest gap between two tokens, in tens of frames."""
    text_margin: float
    """Of the margin to the likeliest text per token, nats."""
    least_tokens: int
    """Phrases of fewer tokens are judged by rules, which do as well for them as any score that was fitted."""

    def __post_init__(self) -> None:
        """Refuse weights under which a surer phrase could score less."""
        surer = (self.posterior, self.posterior + self.running_posterior, self.margin, self.weakest, self.text_margin)
        if min(*surer, -self.goes_on) < 0:
            raise ValueError("posterior, margins and weakest must count for a phrase, and goes_on against it")

    def score(self, signs: Signs) -> float:
        """How likely it was said, 0 to 1, among what the recordings it was fitted on held."""
        weights = (getattr(self, name) for name in self.names())
        total = sum(weight * value for weight, value in zip(weights, inputs_of(signs), strict=True))
        return 1.0 / (1.0 + math.exp(-total))

    def without_word_end(self, signs: Signs) -> float:
        """The score if the last word had ended."""
        return self.score(replace(signs, goes_on=0.0))

    def said_alone(self, signs: Signs) -> float:
        """The score if nothing had been said before it."""
        return self.score(replace(signs, spoken_before=0.0))

    def without_rival(self, signs: Signs) -> float:
        """The score if no text had been likelier in the same sound."""
        return self.score(replace(signs, text_margin_nats=0.0))

    @classmethod
    def names(cls) -> tuple[str, ...]:
        """The weights, in order."""
        return tuple(each.name for each in fields(cls) if each.name != LEAST_TOKENS)


def confidence_of(values: dict[str, Any]) -> Confidence:
    """Weights from a table of model.toml. Raises ValueError: one is missing, unknown or no number."""
    values = {TEXT_MARGIN: 0.0, **values}  # models that were fitted before it was a sign
    wrong = set(values) ^ {*Confidence.names(), LEAST_TOKENS}
    if wrong:
        raise ValueError(f"confidence.{min(wrong)}: {'is missing' if min(wrong) not in values else 'is not known'}")
    for name, value in values.items():
        if not isinstance(value, int | float) or isinstance(value, bool) or not math.isfinite(value):
            raise ValueError(f"confidence.{name}: {value!r} is not a number")
    weights = {name: float(values[name]) for name in Confidence.names()}
    return Confidence(**weights, least_tokens=int(values[LEAST_TOKENS]))


def weakest_of(posteriors: Sequence[float]) -> float:
    """The soft minimum: near the least posterior, and a little above it where the others are sure."""
    mean = sum(math.exp(-_logit(each) / SOFTNESS) for each in posteriors) / len(posteriors)
    return 1.0 / (1.0 + math.pow(mean, SOFTNESS))


def inputs_of(signs: Signs) -> tuple[float, ...]:
    """What each weight is multiplied with, in their order."""
    likely, length = _logit(signs.posterior), math.log(signs.tokens)
    margins = (max(LEAST_MARGIN, nats / signs.tokens) for nats in (signs.margin_nats, signs.text_margin_nats))
    (margin, text_margin), before = margins, signs.spoken_before
    goes_on = 0.5 + _logit(signs.goes_on) / (2 * _logit(1.0))  # 0 to 1: 0.3 tells much more than half of what 0.6 does
    with_before = (before, before * likely, before * length)
    weakest, gap = _logit(signs.weakest), signs.longest_gap / 10
    return (1.0, likely, margin, length, goes_on, *with_before, weakest, gap, text_margin)


def _logit(probability: float) -> float:
    inside = min(max(probability, LEAST), 1.0 - LEAST)
    return math.log(inside / (1.0 - inside))
