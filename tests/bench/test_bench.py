"""The measurements' own arithmetic: what counts as found, how streams are laid, where words end."""

import random
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.engine import selection
from measure import manifests, operating, scoring, streams, wordends
from measure.paths import SHARED
from measure.scoring import LATE_S, Hit, Label
from measure.wav import RATE, Samples, cut, silence

PHRASES = st.sampled_from(["ALEXA", "JARVIS"])
TIMES = st.floats(0, 100, allow_nan=False)
HITS = st.lists(
    st.builds(
        lambda phrase, time_s, score, min_score: Hit(phrase, time_s, time_s, score, min_score),
        PHRASES,
        TIMES,
        st.floats(0, 1),
        st.floats(0, 1),
    )
).map(lambda hits: sorted(hits, key=lambda hit: hit.time_s))
LABELS = st.lists(st.tuples(TIMES, st.floats(0.1, 2), PHRASES)).map(
    lambda clips: [Label(start, start + length, phrase) for start, length, phrase in sorted(clips)]
)


@given(LABELS, HITS)
def test_every_hit_is_either_found_or_false(labels: list[Label], hits: list[Hit]) -> None:
    score = scoring.score(labels, hits, hours=1)
    assert sum(score.found.values()) + score.false == len(hits)
    assert all(score.found.get(phrase, 0) <= total for phrase, total in score.total.items())
    assert 0 <= score.recall <= 1


@given(LABELS)
def test_saying_exactly_what_is_there_scores_full(labels: list[Label]) -> None:
    score = scoring.score(labels, [Hit(label.phrase, label.end_s, label.end_s) for label in labels], hours=1)
    assert (score.false, score.recall) == (0, 1.0 if labels else 0.0)


def test_a_hit_serves_one_label_and_may_be_a_little_late() -> None:
    labels = [Label(1, 2, "ALEXA"), Label(2.5, 3, "ALEXA")]
    late, too_late = Hit("ALEXA", 3 + LATE_S, 0), Hit("ALEXA", 3.01 + LATE_S, 0)
    assert scoring.match(labels, [late]) == [None, late]
    assert scoring.match(labels, [too_late]) == [None, None]
    assert scoring.match(labels, [Hit("JARVIS", 2, 0)]) == [None, None]


@given(HITS, st.floats(0, 1), st.floats(0, 1), st.floats(0, 3))
def test_stricter_limits_leave_a_subset_that_keeps_them(
    hits: list[Hit], limit: float, low: float, quiet_s: float
) -> None:
    kept = scoring.stricter(hits, limit, low, quiet_s)
    assert all(hit in hits and hit.score >= limit and hit.min_score >= low for hit in kept)
    for phrase in {hit.phrase for hit in kept}:
        times = [hit.time_s for hit in kept if hit.phrase == phrase]
        assert all(later - earlier >= quiet_s for earlier, later in pairwise(times))


@given(HITS, st.lists(st.floats(0, 1), min_size=2, max_size=2).map(sorted))
def test_a_higher_threshold_leaves_no_more(hits: list[Hit], limits: list[float]) -> None:
    low, high = (len(scoring.stricter(hits, limit, 0, 0)) for limit in limits)
    assert high <= low


def test_the_operating_curve_counts_speech_as_false(tmp_path: Path) -> None:
    quiet = streams.Stream(tmp_path / "quiet.wav", (Label(1, 2, "ALEXA"), Label(5, 6, "ALEXA")))
    hits = [Hit("ALEXA", 2, 2, score=0.9), Hit("ALEXA", 6, 6, score=0.2)]
    heard = operating.Heard(
        (quiet, hits), (quiet, hits[:1]), {"books": [Hit("ALEXA", 9, 9, score=0.4)]}, speech_hours=2
    )
    curve = {point.threshold: point for point in operating.by_threshold(heard, min_score=0, refractory_s=0)}
    assert (curve[0.1].recall, curve[0.1].noisy_recall, curve[0.1].false_per_hour) == (1, 0.5, 0.5)
    assert (curve[0.5].recall, curve[0.5].false_per_hour) == (0.5, 0)


def test_streams_are_laid_the_same_every_time() -> None:
    """Same seed, same stream; every label covers exactly its clip."""
    clips = [(np.full(length, value, np.float32), f"W{value}") for value, length in ((1, 800), (2, 1600), (3, 400))]
    parts, labels = streams.lay(iter(clips), random.Random(7))
    again, _ = streams.lay(iter(clips), random.Random(7))
    whole = np.concatenate(parts)
    assert np.array_equal(whole, np.concatenate(again))
    for (clip, phrase), label in zip(clips, labels, strict=True):
        assert label.phrase == phrase
        assert np.array_equal(whole[round(label.start_s * RATE) : round(label.end_s * RATE)], clip)


def test_blocks_lose_nothing() -> None:
    sound = np.arange(12_345, dtype=np.float32)
    assert np.array_equal(np.concatenate(list(cut(sound, 1000))), sound)


def test_tables_come_back_as_written(tmp_path: Path) -> None:
    manifests.write(tmp_path / "t.tsv", ("path", "phrase"), [('a "quoted" file', "ALEXA"), ("b", "")])
    assert manifests.read(tmp_path / "t.tsv")[0] == {"path": 'a "quoted" file', "phrase": "ALEXA"}


@pytest.mark.parametrize("noise_rms", [1e-4, 5e-3])
def test_a_word_ends_where_its_energy_does(noise_rms: float) -> None:
    tone = np.sin(np.arange(RATE // 2) * 0.2).astype(np.float32) * np.float32(0.3)
    click = tone[:400]
    clip = np.concatenate([silence(0.4), tone, silence(0.4), click, silence(0.275)]) + noise(noise_rms)
    assert wordends.speech_end_s(clip) == pytest.approx(0.9, abs=0.021)


def noise(rms: float) -> Samples:
    return np.random.default_rng(0).normal(0, rms, round(1.6 * RATE)).astype(np.float32)


@pytest.mark.skipif(not (SHARED / "speech" / "manifest.tsv").exists(), reason="needs ../shared")
def test_the_utterances_of_the_published_figures() -> None:
    positive, negative = selection.word_utterances()
    assert (len(positive), len(negative)) == (151, 60)
    assert not any(utterance.words for utterance in negative)
