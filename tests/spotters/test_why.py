"""What decided a detection or a near miss, as a record and as three sentences."""

from dataclasses import asdict

import numpy as np
import pytest

from kwsd import Keyword, Model, Spotter
from kwsd.events import Detection, NearMiss
from kwsd.stream import Chunk
from kwsd.why import Evidence, evidence_of, sentences, sounded
from testkit.spoken import with_gaps
from testkit.tiny_model import Floats

STRICT = Keyword("good morning", threshold=1.0)


@pytest.fixture(scope="module")
def model() -> Model:
    return Model.load("kwsd-en")


def told(model: Model, sound: Floats, *keywords: Keyword | str) -> list[tuple[Detection | NearMiss, Evidence]]:
    spotter = Spotter(model, keywords)
    events = [*spotter.push(Chunk(0, sound, "")), *spotter.finish()]
    return [(event, event.why) for event in events if isinstance(event, Detection | NearMiss) and event.why]


def test_a_detection_carries_what_decided_it(model: Model) -> None:
    """1. Two words are said between pauses. Result: posteriors and times are those of the detection, and loudness."""
    ((event, why),) = told(model, with_gaps("good morning"), "good morning")
    assert isinstance(event, Detection)
    assert why.rule in {"score", "alone"}
    assert (why.score, why.threshold) == (event.score, event.threshold)
    assert tuple(token.emitted for token in why.tokens) == event.timestamps
    assert tuple(token.token for token in why.tokens) == event.tokens
    assert min(token.posterior for token in why.tokens) == event.min_score
    assert why.margin_nats is not None
    assert why.level_db is not None
    assert why.noise_db is not None
    assert why.level_db > why.noise_db + 15
    first, second, third = sentences(event.keyword, why)
    assert first.startswith("Heard good with 0.")
    assert "morning with 0." in first
    assert first.endswith(f"of the needed {max(why.threshold, why.running_threshold):.2f}.") or why.rule == "alone"
    assert second.startswith('"good morning" was told because ')
    assert "which is clear enough" in third


def test_a_near_miss_says_which_rule_held_it_back(model: Model) -> None:
    """1. More is asked for than anything reaches. 2. In the middle of a longer word a shorter one is looked for."""
    weak = told(model, with_gaps("good morning", gap_s=2.0), STRICT)
    assert weak
    assert {why.rule for _, why in weak} == {"low_score"}
    assert "was held back because that is too little; its weakest sound was" in sentences("good morning", weak[0][1])[1]
    inner = told(model, with_gaps("nightfall"), Keyword("night", threshold=0.05))
    assert {why.rule for _, why in inner} == {"word_goes_on"}
    assert inner[-1][1].next_token is not None
    assert f"the word went on with {inner[-1][1].next_token}" in sentences("night", inner[-1][1])[1]


def test_what_is_wrong_with_the_sound_is_said(model: Model) -> None:
    """1. The sound begins within the phrase. 2. It is far away and the room is loud."""
    sound = with_gaps("good morning", gap_s=1.0)
    ((_, cut),) = told(model, sound[16_000:], Keyword("good morning", threshold=0.05))[:1]
    assert "the G was cut off" in sounded(cut)
    noise = np.random.default_rng(0).normal(0, 0.01, len(sound)).astype(np.float32)
    ((_, far),) = told(model, (sound * 0.05 + noise).astype(np.float32), Keyword("good morning", threshold=0.01))[:1]
    assert "over the noise: go nearer" in sounded(far)


def test_the_record_survives_the_socket_and_a_newer_daemon(model: Model) -> None:
    ((_, why),) = told(model, with_gaps("good morning"), "good morning")
    fields = asdict(why)
    fields["tokens"] = [{**token, "spread": 3} for token in fields["tokens"]]
    assert evidence_of({**fields, "mood": "fine"}) == why
