"""Fitting a confidence: weights come back from what they made, and none gets the wrong sign."""

import random

from kwsd.search.confidence import Confidence, Signs
from training.zipformer.confidence import Sample, fit

MADE_BY = Confidence(
    bias=-3.0,
    posterior=0.8,
    margin=1.5,
    length=1.0,
    goes_on=-2.5,
    spoken_before=-2.0,
    running_posterior=0.4,
    running_length=-0.5,
    weakest=0.2,
    longest_gap=-1.0,
    text_margin=0.7,
    least_tokens=6,
)


def _samples(count: int, *, upside_down: bool = False) -> list[Sample]:
    draw = random.Random(1)
    made = []
    for number in range(count):
        signs = Signs(
            posterior=draw.random(),
            margin_nats=-draw.expovariate(0.2),
            tokens=draw.randint(2, 12),
            goes_on=draw.random() ** 3,
            spoken_before=draw.random(),
            weakest=draw.random(),
            longest_gap=draw.randint(1, 20),
            text_margin_nats=-draw.expovariate(0.2),
        )
        said = draw.random() < MADE_BY.score(signs)
        made.append(Sample("made", str(number), "X", signs, said != upside_down, 1.0))
    return made


def test_weights_are_found_again() -> None:
    samples = _samples(6000)
    fitted = fit(samples)
    apart = [abs(fitted.score(sample.signs) - MADE_BY.score(sample.signs)) for sample in samples]
    assert sum(apart) / len(apart) < 0.03


def test_no_weight_gets_the_wrong_sign_whatever_the_recordings_say() -> None:
    fitted = fit(_samples(2000, upside_down=True))
    assert (fitted.posterior, fitted.margin, fitted.goes_on, fitted.weakest, fitted.text_margin) == (0.0,) * 5
