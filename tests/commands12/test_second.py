"""What the network of the other engine says of a word that the first has found."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from kwsd.commands12 import second
from kwsd.commands12.decisions import Decision
from kwsd.commands12.frontend import mel_power, pixels
from kwsd.commands12.isolation import COMMAND_WEIGHTS, Past, is_command
from kwsd.commands12.model import find_model
from kwsd.commands12.second import BEST_OPINION, SecondOpinion
from kwsd.config.settings import FixedWords
from kwsd.errors import ModelError
from kwsd.limits import EngineName
from kwsd.spotters.fixed import FixedSpotter
from kwsd.stream import Chunk
from kwsd.timebase import SAMPLE_RATE
from testkit.spoken import with_gaps

ENGINES: tuple[EngineName, ...] = ("ds-cnn", "nc-ssm")
GOOD = np.array([5.0, -5.0, 4.0, 8.0, 0.0, 0.0], np.float32)
"""The six signs of a word that the first network is sure of, in silence."""


def past_of(sound: np.ndarray) -> Past:
    grey = pixels(mel_power(sound))
    return Past(end_frame=len(grey), step_frames=1, posteriors=np.zeros((len(grey), 12), np.float32), grey=grey)


@pytest.mark.parametrize("engine", ENGINES)
def test_the_other_network_knows_the_word_from_others(engine: EngineName) -> None:
    """A "yes" that ends at 1.5 s: its posterior is large as "yes" and small as "off"."""
    past, labels = past_of(with_gaps("yes")), find_model(engine).labels
    other = SecondOpinion(engine)
    as_yes, as_off = (other.signs(past, Decision(labels.index(word), 170, 0.9, 0.9))[0] for word in ("yes", "off"))
    assert as_yes > as_off + 3


@pytest.mark.parametrize("engine", ENGINES)
def test_a_word_that_the_other_network_takes_for_another_is_no_command(engine: EngineName) -> None:
    assert is_command(np.concatenate((GOOD, BEST_OPINION)), engine)
    assert not is_command(np.concatenate((GOOD * 0.5, -BEST_OPINION)), engine)


@pytest.mark.parametrize("engine", ENGINES)
def test_the_best_opinion_is_the_best(engine: EngineName) -> None:
    """The other network is asked only where that one would do: more of the word never speaks against it."""
    own, unknown = COMMAND_WEIGHTS[engine][0][6:]
    assert own >= 0 >= unknown


@pytest.mark.parametrize("engine", ENGINES)
def test_at_both_ends_of_a_stream_there_is_an_opinion_too(engine: EngineName) -> None:
    past = past_of(with_gaps("yes")[SAMPLE_RATE : SAMPLE_RATE + 4800])
    for frame in (1, past.end_frame):
        assert np.isfinite(SecondOpinion(engine).signs(past, Decision(2, frame, 0.9, 0.9))).all()


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize(("alone", "asked"), [(True, True), (False, False)])
def test_it_is_asked_about_words_and_nothing_else(
    engine: EngineName, alone: bool, asked: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """1. Three seconds of hiss. 2. A word. Result: asked once, of the word, where words are to be alone."""
    told: list[int] = []
    ask = SecondOpinion.signs

    def counted(self: SecondOpinion, past: Past, decision: Decision) -> Any:
        told.append(decision.frame)
        return ask(self, past, decision)

    monkeypatch.setattr(SecondOpinion, "signs", counted)
    spotter = FixedSpotter(find_model(engine), FixedWords(engine=engine, alone=alone))
    hiss = (np.random.default_rng(5).standard_normal(3 * SAMPLE_RATE) * 1e-3).astype(np.float32)
    spotter.push(Chunk(0, hiss, ""))
    assert told == []
    hits = spotter.push(Chunk(spotter.position_samples, with_gaps("yes", gap_s=1.5), "")) + spotter.finish()
    assert [hit.keyword for hit in hits] == ["yes"]
    assert bool(told) == asked


@pytest.mark.parametrize("engine", ENGINES)
def test_however_long_a_word_is_held_back_the_opinion_is_of_its_place(engine: EngineName) -> None:
    """A word decided two seconds after it was said is the same word."""
    spotter = FixedSpotter(find_model(engine), FixedWords(engine=engine, hold_s=2.0))
    hits = spotter.push(Chunk(0, with_gaps("yes", gap_s=3.0), "")) + spotter.finish()
    assert [hit.keyword for hit in hits] == ["yes"]


def test_without_the_other_model_the_words_cannot_be_told_to_be_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    broken = tmp_path / "nc-ssm.onnx"
    broken.write_bytes(b"\x08\x07")
    monkeypatch.setattr(second, "find_model", lambda engine: replace(find_model(engine), path=broken))
    with pytest.raises(ModelError, match="nc-ssm"):
        FixedSpotter(find_model("ds-cnn"))
    assert FixedSpotter(find_model("ds-cnn"), FixedWords(alone=False)).words
