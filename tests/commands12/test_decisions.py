"""From posteriors to one decision per utterance, on made-up posteriors."""

from typing import Any

import numpy as np
import pytest

from kwsd.commands12.decisions import Decision, Decisions, DecisionSettings, class_thresholds
from kwsd.commands12.isolation import Past, Span, is_command, log_odds, signs_of_a_command, sounding_span
from kwsd.limits import EngineName

LABELS = ("_silence_", "_unknown_", "yes", "no")
YES, NO = 2, 3
HOP = 16


def row(**scores: float) -> np.ndarray:
    values = np.array([scores.get(label.strip("_"), 0.0) for label in LABELS], np.float32)
    values[0] = max(0.0, 1.0 - values.sum())
    return values


def decide(rows: list[np.ndarray], smoothing_steps: int = 2) -> list[Decision]:
    settings = DecisionSettings(smoothing_steps=smoothing_steps, hold_frames=16, refractory_frames=50)
    thresholds = class_thresholds(LABELS, ("yes", "no"), {"yes": 0.6, "no": 0.6}, {})
    decisions = Decisions(thresholds, settings)
    frames = [(index + 1) * HOP for index in range(len(rows))]
    blocks = (slice(first, first + 3) for first in range(0, len(rows), 3))
    found = [each for block in blocks for each in decisions.accept(frames[block], np.array(rows[block]))]
    last = decisions.finish()
    return found if last is None else [*found, last]


QUIET = [row()] * 8


def test_one_utterance_is_one_decision_at_its_best() -> None:
    found = decide([*QUIET, row(yes=0.7), row(yes=0.9), row(yes=0.9), row(yes=0.9), row(yes=0.7), *QUIET])
    assert [each.label for each in found] == [YES]
    assert found[0].score == pytest.approx(0.9)
    assert found[0].frame == 11 * HOP


def test_one_lone_window_is_smoothed_away() -> None:
    assert decide([*QUIET, row(yes=0.95), *QUIET]) == []


def test_the_better_word_wins() -> None:
    found = decide([*QUIET, row(no=0.65), row(yes=0.95), row(yes=0.95), *QUIET], smoothing_steps=1)
    assert [each.label for each in found] == [YES]


def test_the_same_word_again_after_a_pause_is_heard_again() -> None:
    word = [row(yes=0.9)] * 4
    assert [each.label for each in decide([*QUIET, *word, *QUIET, *word, *QUIET])] == [YES, YES]


def test_a_word_that_stays_is_told_once() -> None:
    assert len(decide([*QUIET, *[row(yes=0.9)] * 60])) == 1


def test_the_blocks_that_posteriors_come_in_change_nothing() -> None:
    generator = np.random.default_rng(3)
    rows = [row(yes=float(x), unknown=float(0.3 * y)) for x, y in generator.random((300, 2)) * (1.0, 0.9)]
    found = decide(rows)
    assert found
    settings = DecisionSettings(smoothing_steps=2, hold_frames=16, refractory_frames=50)
    decisions = Decisions(class_thresholds(LABELS, ("yes", "no"), {"yes": 0.6, "no": 0.6}, {}), settings)
    single = [each for index, one in enumerate(rows) for each in decisions.accept([(index + 1) * HOP], one[None])]
    assert [(each.frame, each.label) for each in single] == [(each.frame, each.label) for each in found]


def test_silence_and_unknown_are_never_told() -> None:
    assert decide([np.array([1, 0, 0, 0], np.float32)] * 20 + [np.array([0, 1, 0, 0], np.float32)] * 20) == []


def test_a_word_at_the_very_end_is_told_by_finish() -> None:
    assert [each.label for each in decide([*QUIET, row(no=0.9), row(no=0.9)])] == [NO]


def test_thresholds_are_the_models_own_unless_given() -> None:
    found = class_thresholds(LABELS, ("yes",), {"yes": 0.6, "no": 0.6}, {"yes": 0.25})
    assert found.tolist() == [np.inf, np.inf, 0.25, np.inf]


def test_the_span_bridges_a_closure_and_leaves_the_rest() -> None:
    loudness = np.full(98, 20.0, np.float32)
    loudness[5:8] = 90.0  # something else, long before
    loudness[40:60] = 120.0
    loudness[68:72] = 80.0  # the release of a final t
    span = sounding_span(loudness)
    assert (span.start, span.end) == (40, 72)


def test_the_span_of_nothing_is_still_one() -> None:
    span = sounding_span(np.zeros(10, np.float32))
    assert 0 <= span.start < span.end <= 10


def of_loudness(loudness: np.ndarray) -> np.ndarray:
    """Frames whose mean grey value this is."""
    return np.tile(loudness[:, None], (1, 40)).astype(np.float32)


def signs(
    *,
    before: float = 20.0,
    after: float = 20.0,
    floor: float = 20.0,
    silence: float = 0.3,
    unknown: float = 0.02,
    score: float = 0.9,
    second: float = 0.9,
    told: int = 0,
    engine: EngineName = "ds-cnn",
) -> np.ndarray:
    """Of two seconds with a "yes" of 160 in frames 100 to 140, decided at 144, and something before and after it.

    The other network has `second` of the word and of an unknown one what is left.
    """
    loudness = np.full(176, floor, np.float32)
    loudness[45:85] = before
    loudness[100:140] = 160.0
    loudness[150:176] = after
    posteriors = np.tile(np.array([silence, unknown, score, 0.0], np.float32), (11, 1))
    past = Past(end_frame=176, step_frames=16, posteriors=posteriors, grey=of_loudness(loudness), told_frame=told)
    own = signs_of_a_command(past, Decision(2, 144, score, score), past.word_before(144), LABELS, engine)
    return np.array([*own, log_odds(second), log_odds(0.98 - second)], np.float32)


@pytest.mark.parametrize("engine", ["ds-cnn", "nc-ssm"])
@pytest.mark.parametrize(
    ("what", "alone"),
    [
        ({}, True),
        ({"before": 150.0, "silence": 0.01}, False),
        ({"after": 150.0}, False),
        ({"unknown": 0.5, "score": 0.45, "silence": 0.02, "second": 0.3}, False),
        ({"second": 0.05, "unknown": 0.2, "silence": 0.2}, False),
        ({"before": 60.0, "after": 60.0}, True),
        ({"floor": 128.0, "before": 130.0, "after": 130.0}, True),
    ],
    ids=[
        "silence",
        "speech before",
        "speech after",
        "an unknown word",
        "another word to the other network",
        "something quieter",
        "steady noise",
    ],
)
def test_a_command_has_silence_beside_it_and_is_no_unknown_word(
    what: dict[str, Any], alone: bool, engine: EngineName
) -> None:
    assert is_command(signs(**what, engine=engine), engine) == alone


def test_a_command_that_was_told_is_no_neighbour_of_the_next() -> None:
    """1. Something as loud as the word before it. Result: it is loud there, but not where that was told."""
    quiet, loud, told = signs()[4], signs(before=150.0)[4], signs(before=150.0, told=85)[4]
    assert loud > quiet + 0.2
    assert told == pytest.approx(quiet, abs=0.05)


def test_a_sentence_before_a_word_counts_for_longer_than_another_word_does() -> None:
    """1. A second and a half of speech, and a third of a second, each ending half a second before the word."""

    def before(frames: int) -> float:
        loudness = np.full(330, 20.0, np.float32)
        loudness[200 - frames : 200] = loudness[250:290] = 150.0
        past = Past(end_frame=330, step_frames=16, posteriors=np.zeros((20, 4), np.float32), grey=of_loudness(loudness))
        return float(signs_of_a_command(past, Decision(2, 294, 0.9, 0.9), Span(250, 290), LABELS, "ds-cnn")[4])

    assert before(150) > 2.5 * before(33)


def test_noise_that_goes_on_is_not_what_was_said_before() -> None:
    """1. Noise that rises and falls, at most a quarter of the way up to the word. Result: as in silence."""
    loudness = 20.0 + 32.0 * np.random.default_rng(5).random(330)
    loudness[250:290] = 150.0
    past = Past(end_frame=330, step_frames=16, posteriors=np.zeros((20, 4), np.float32), grey=of_loudness(loudness))
    assert signs_of_a_command(past, Decision(2, 294, 0.9, 0.9), Span(250, 290), LABELS, "ds-cnn")[4] == 0.0


def test_the_signs_of_a_word_at_the_very_beginning_are_finite() -> None:
    past = Past(end_frame=16, step_frames=16, posteriors=row(yes=0.9)[None], grey=of_loudness(np.full(16, 160.0)))
    found = signs_of_a_command(past, Decision(2, 16, 0.9, 0.9), past.word_before(16), LABELS, "ds-cnn")
    assert np.isfinite(found).all()


def test_what_came_after_a_frame_is_left_out() -> None:
    rows = np.arange(40, dtype=np.float32).reshape(10, 4)
    past = Past(end_frame=160, step_frames=16, posteriors=rows, grey=of_loudness(np.arange(160)))
    earlier = past.until(100)
    assert (earlier.end_frame, len(earlier.grey), len(earlier.posteriors)) == (112, 112, 7)
    assert past.until(1000).end_frame == 160
    assert earlier.heard(64, 96)[:, 0].tolist() == [12.0, 16.0, 20.0]
    assert earlier.sounded(Span(30, 33)).tolist() == [30.0, 31.0, 32.0]
