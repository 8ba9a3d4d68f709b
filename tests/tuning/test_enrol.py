"""Enrolment: how somebody says a keyword, out of takes alone; what it is worth, and what it costs."""

import numpy as np
import pytest

from kwsd import Keyword, Model, Spotter
from kwsd.events import Detection
from kwsd.stream import Chunk
from kwsd.tuning.choice import NOW, Material, Pronunciation, choose
from kwsd.tuning.enrol import Background, enrol, spelling_of
from kwsd.tuning.hear import Heard, frames_of_take, most_per_hour, threshold_for
from kwsd.tuning.pronounce import likeliest, log_likelihoods
from kwsd.tuning.rates import CHOSEN, READ, UNKNOWN_MODEL, expected_rate
from kwsd.tuning.takes import trim_take
from testkit.spoken import spoken, with_gaps
from testkit.tiny_model import Floats


@pytest.fixture(scope="module")
def model() -> Model:
    return Model.load("kwsd-en")


def take(text: str, voice: str = "en-us", speed: int = 150) -> Floats:
    hiss = np.random.default_rng(speed).normal(0, 3e-4, 12_000).astype(np.float32)
    return np.concatenate([hiss, spoken(text, voice, speed), hiss])


def test_a_name_that_is_said_otherwise_than_written_is_learnt(model: Model) -> None:
    """1. Three takes of a word said otherwise than written. 2. A fourth saying. Result: heard after, not before."""
    takes = [("en-us", 150), ("en-gb", 140), ("en-us", 170)]
    frames = [frames_of_take(model, trim_take("a", take("seersha", voice, speed))) for voice, speed in takes]
    talk = with_gaps("what time is it", "the weather was fine today and nobody said a word", gap_s=0.5)
    background = Background(frames_of_take(model, trim_take("b", talk)), hours=0.01)
    found = enrol(model, Keyword("saoirse"), frames, background, per_hour=100)
    assert found.after.spellings
    assert sum(found.heard_after) > sum(found.heard_before)
    fourth = take("seersha", "en-gb", 155)

    def hears(keyword: Keyword) -> bool:
        spotter = Spotter(model, [keyword])
        told = [*spotter.push(Chunk(0, fourth, "")), *spotter.finish()]
        return any(isinstance(event, Detection) for event in told)

    assert (hears(found.before), hears(found.after)) == (False, True)


@pytest.mark.parametrize("phrase", ["42", "🎮"])
def test_a_name_without_letters_is_learnt(model: Model, phrase: str) -> None:
    frames = [frames_of_take(model, trim_take("a", take("forty two", "en-us", speed))) for speed in (140, 150, 160)]
    found = enrol(model, Keyword(phrase), frames, None)
    assert all(found.heard_before if phrase == "42" else found.heard_after)


def test_takes_in_which_no_word_is_heard_lead_to_nothing(model: Model) -> None:
    """Not a word is read out of tones, and there is no other way to say two letters."""
    takes = []
    for number in range(3):
        sound = np.random.default_rng(number).normal(0, 1e-3, 41_000)
        sound[16_000:25_000] += 0.3 * np.sin(np.arange(9_000) * (0.05 + 0.02 * number))
        takes.append(frames_of_take(model, trim_take("a", sound.astype(np.float32))))
    found = enrol(model, Keyword("a b"), takes, None)
    assert (found.changes, found.heard_after) == ({}, (False, False, False))
    assert log_likelihoods(np.zeros((5, model.encoder.width), np.float32), [], model.transducer) == []


def test_the_likeliest_readings_come_first_and_can_be_written(model: Model) -> None:
    frames = frames_of_take(model, trim_take("a", take("good morning")))
    sound = np.concatenate([each.encoder_out for each in frames if each.encoder_out is not None])
    found = likeliest(sound, model.transducer, 3)
    assert [log_prob for _, log_prob in found] == sorted((log_prob for _, log_prob in found), reverse=True)
    said = next(model.tokenizer.encodings("good morning"))
    alone, beside = ([said], [found[0][0], said])
    assert log_likelihoods(sound, alone, model.transducer)[0] <= found[0][1] + 1e-3
    assert log_likelihoods(sound, beside, model.transducer)[1] == pytest.approx(
        log_likelihoods(sound, alone, model.transducer)[0], abs=1e-3
    )
    for tokens, _ in found:
        text = spelling_of(tokens, model.tokenizer)
        if text is not None:
            assert next(model.tokenizer.encodings(text)) == tokens


def material(false: int, hours: float = 2.0, threshold: float = 0.5) -> Material:
    """A spelling of seven tokens that hears what the keyword does not, and how often it was heard falsely."""
    other = Pronunciation((1, 2, 3, 4, 5, 6, 7), "/A/", frozenset({0}))
    hits = [Heard(0.4, 10.0 * number, 10.0 * number + 1) for number in range(false)]
    expected = {
        NOW: expected_rate(UNKNOWN_MODEL, 7, (), hours, CHOSEN),
        "/A/": expected_rate(UNKNOWN_MODEL, 7, hits, hours, READ),
    }
    scores = {NOW: (0.0, 0.35, 0.0), "/A/": (0.9, 0.8, 0.7)}
    return Material((other,), scores, expected, 0.3, threshold, min(0.3, threshold), threshold)


def test_a_spelling_is_added_where_it_brings_more_than_it_costs() -> None:
    """1. Nothing false. 2. Once: the threshold stays higher. 3. Often: it is left out, and only the threshold falls."""
    free, dear, never = (choose(material(false), range(3)) for false in (0, 1, 9))
    assert (free.spellings, free.threshold) == (("/A/",), 0.3)
    assert dear.spellings == ("/A/",)
    assert 0.3 < dear.threshold <= 0.5
    assert (never.spellings, never.threshold) == ((), 0.3)


def test_a_threshold_never_rises_above_what_is_in_force() -> None:
    """What is heard today would otherwise be lost for a spelling."""
    for now in (0.2, 0.35):
        assert choose(material(0, threshold=now), range(3)).threshold <= now
    assert choose(material(3, threshold=0.4), range(3)).spellings == ()


def test_a_take_hardly_speaks_for_the_spelling_that_comes_from_it_alone() -> None:
    known = material(0)
    assert choose(known, [0]).recall < 0.2


def test_what_is_usual_gives_way_to_what_was_heard() -> None:
    """1. No background: what the model tells. 2. Hours without a hit: less. 3. Hours with many: about their rate."""
    usual = expected_rate(UNKNOWN_MODEL, 7, (), 0, CHOSEN).per_hour(0.3)
    assert usual == pytest.approx(UNKNOWN_MODEL.per_hour(7, 0.3))
    assert expected_rate(UNKNOWN_MODEL, 7, (), 10, CHOSEN).per_hour(0.3) < usual / 3
    many = [Heard(0.4, number, number + 1.0) for number in range(100)]
    assert expected_rate(UNKNOWN_MODEL, 7, many, 10, CHOSEN).per_hour(0.3) == pytest.approx(10, rel=0.2)


def test_rates_and_thresholds() -> None:
    """Poisson's bounds as tables have them; a threshold lets through as many as may be."""
    assert most_per_hour(0, 1) == pytest.approx(2.996, abs=1e-3)
    assert most_per_hour(3, 2) == pytest.approx(7.754 / 2, abs=1e-3)
    scores = [0.1 * number for number in range(10)]
    assert sum(score >= threshold_for(scores, 1, 3, least=0.05) for score in scores) == 3
    assert threshold_for([], 1, 0.1, least=0.42) == 0.42
    assert threshold_for([0.6, 0.5], 1, 0.1, least=0.42) > 0.6
