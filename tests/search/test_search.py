"""Beam and rules over scripted posteriors. The letters B1 to B19 are the peers' bugs of the decoding guide."""

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from kwsd.keywords.keyword import Keyword
from kwsd.search.history import FrameHistory
from kwsd.search.hits import MissCause
from kwsd.search.settings import SearchSettings
from testkit.scripted import CHUNK_FRAMES, LOUD, PIECES, Stream, UnmarkedTokenizer, say

SPACED = "▁LIGHT . . ▁UP . ."


def test_a_phrase_is_heard_once_at_its_frames() -> None:
    stream = Stream(["LIGHT UP"])
    (hit,) = stream.hear(say(f".*10 {SPACED} .*30"))
    assert hit.emitted == hit.aligned == (10, 13)
    assert min(hit.posteriors) > 0.9


@pytest.mark.parametrize("beam", [1, 2, 4, 8, 32])
@pytest.mark.parametrize("hold", [1, 2, 5])
def test_one_utterance_is_one_hit_whatever_the_beam(beam: int, hold: int) -> None:
    """sherpa-onnx#1219: with several active paths a keyword fired twice."""
    stream = Stream(["LIGHT UP"], SearchSettings(beam=beam, threshold=0.5))
    assert stream.phrases(f"▁LIGHT*{hold} . ▁UP*{hold}") == ["LIGHT UP"]


def test_said_twice_is_two_hits() -> None:
    assert Stream(["LIGHT UP"]).phrases(f"{SPACED} .*20 {SPACED}") == ["LIGHT UP"] * 2


def test_the_refractory_time_is_audio_time_and_per_keyword() -> None:
    patient = Stream([Keyword("UP", refractory_s=2.0), Keyword("DOWN", refractory_s=0.0)])
    assert patient.phrases("▁UP .*10 ▁DOWN .*10 ▁UP .*10 ▁DOWN .*60 ▁UP") == ["UP", "DOWN", "DOWN", "UP"]


def test_silence_keeps_one_hypothesis() -> None:
    stream = Stream(["LIGHT UP", "UP"])
    stream.hear(say("▁LIGHT .*40") + 2 * LOUD * (np.arange(len(PIECES)) == 0))
    assert len(stream.search.beam.hypotheses) == 1


@pytest.mark.parametrize("silence", [0, 30, 40, 45, 100, 1000])
def test_silence_before_a_phrase_changes_nothing(silence: int) -> None:
    """sherpa-onnx#1235, and B2: the first phrase after a long silence was missed."""
    (hit,) = Stream(["LIGHT UP"]).hear(say(f".*{silence or 1} {SPACED} .*30"))
    assert hit.emitted == (silence or 1, (silence or 1) + 3)


def test_every_hit_of_a_chunk_comes_out() -> None:
    """B4: two hits decided in one chunk, of which the peers show the second."""
    fast = SearchSettings(threshold=0.5, trailing_blanks=1)
    assert Stream(["UP", "DOWN"], fast).phrases(". ▁UP . . ▁DOWN . .") == ["UP", "DOWN"]


def test_a_longer_keyword_is_not_shadowed_by_its_beginning() -> None:
    """B8: LIGHT always fired before LIGHT UP could."""
    assert Stream(["LIGHT", "LIGHT UP"]).phrases("▁LIGHT . . . . . ▁UP") == ["LIGHT UP"]


def test_the_beginning_fires_when_the_longer_one_does_not_come() -> None:
    assert Stream(["LIGHT", "LIGHT UP"]).phrases("▁LIGHT") == ["LIGHT"]
    assert Stream(["LIGHT", "LIGHT UP"]).phrases("▁LIGHT .*3 ▁HERE") == ["LIGHT"]


@pytest.mark.parametrize(("faint", "heard"), [(LOUD, "LIGHT+S"), (0.0, "LIGHT")])
def test_a_plural_is_heard_only_where_its_ending_is(faint: float, heard: str) -> None:
    """Beside LIGHTS, LIGHT said alone was often told as LIGHTS: its S needed no more than to be possible."""
    stream = Stream(["LIGHT", "LIGHT+S"], SearchSettings(threshold=0.4, min_score=0.0))
    assert stream.phrases(".*8 ▁LIGHT . . S", S=faint) == [heard]


@pytest.mark.parametrize("gap_frames", [6, 8, 11])
def test_a_keyword_said_again_after_a_short_pause_is_heard_again(gap_frames: int) -> None:
    """A command said again 0.3 s later was swallowed by a refractory time of 0.5 s."""
    stream = Stream(["LIGHT UP"], SearchSettings(threshold=0.5))
    assert stream.phrases(f".*8 ▁LIGHT . . ▁UP .*{gap_frames} ▁LIGHT . . ▁UP") == ["LIGHT UP"] * 2


@pytest.mark.parametrize("script", ["▁NIGHT . . FALL", "▁NIGHT"])
def test_a_spelling_that_begins_another_of_its_keyword_takes_nothing_away(script: str) -> None:
    """NIGHTFALL with the further spelling NIGHT was heard as NIGHT, objected to as the word went on, and lost."""
    keyword = Keyword("NIGHT+FALL", spellings=("NIGHT+FALL", "NIGHT"), written_forms=False)
    (hit,) = Stream([keyword]).hear(say(f".*8 {script} .*40"))
    assert len(hit.tokens) == len(script.replace(".", "").split())


def test_a_keyword_inside_another_gives_way_to_it() -> None:
    phrases = ["UP", "LIGHT UP", "LIGHT UP HERE"]
    assert Stream(phrases).phrases("▁LIGHT . . ▁UP . . ▁HERE") == ["LIGHT UP HERE"]
    assert Stream(phrases).phrases("▁LIGHT . . ▁UP") == ["LIGHT UP"]
    assert Stream(phrases).phrases("▁DOWN . . ▁UP") == ["UP"]


def rivalled(script: str, rival: str, nats: float) -> NDArray[np.float32]:
    """The script, but in each frame that says something `rival` is so much likelier."""
    frames = say(script)
    said = frames[:, 1:].max(axis=1) > 0
    frames[said, PIECES.index(rival)] = frames[said].max(axis=1) + nats
    return frames


@pytest.mark.parametrize("listed", list(itertools.permutations(["LIGHT UP", "LIGHT DOWN"])))
def test_of_two_that_resemble_each_other_the_likelier_is_heard(listed: tuple[str, str]) -> None:
    """Not the one whose first guess came a frame earlier: NO was reported where GO was said."""
    frames = say(".*8 ▁LIGHT . . ▁DOWN ▁UP .*20", DOWN=LOUD / 2 - 1)
    stream = Stream(listed, SearchSettings(threshold=0.2, min_score=0.01))
    assert [stream.compiled.keywords[hit.keyword].phrase for hit in stream.hear(frames)] == ["LIGHT UP"]


@pytest.mark.parametrize("listed", list(itertools.permutations(["NIGHT UP", "NIGHT+FALL+S"])))
def test_of_two_the_one_that_explains_the_sound_better_is_heard(listed: tuple[str, str]) -> None:
    """Not the one with more tokens that half fit: where SNOWBOY was said, SNOWBOARD was reported."""
    frames = say(".*8 ▁NIGHT . . FALL . ▁UP . S .*40", FALL=3.9, S=3.9, UP=5.0)
    stream = Stream(listed, SearchSettings(threshold=0.2, min_score=0.01))
    assert [stream.compiled.keywords[hit.keyword].phrase for hit in stream.hear(frames)] == ["NIGHT UP"]


def test_a_longer_phrase_may_gather_more_doubts() -> None:
    """1.0 nats and 1.4 per token allow 3.8 for two tokens and 5.2 for three; 4.0 for all allow no third doubt."""

    def heard(phrase: str, nats: float, min_margin: float = -1.0, margin_per_token: float = -1.4) -> bool:
        margins = SearchSettings(
            threshold=0.05, min_score=0.01, min_margin=min_margin, margin_per_token=margin_per_token
        )
        script = " . . ".join("▁" + word for word in phrase.split())
        frames = np.concatenate([say(".*9"), rivalled(script, "▁NIGHT", nats), say(".*20")])
        return bool(Stream([phrase], margins).hear(frames))

    assert heard("LIGHT UP", 1.5)
    assert heard("LIGHT UP HERE", 1.4)
    assert not heard("LIGHT UP", 2.2)
    assert not heard("LIGHT UP HERE", 1.8)
    assert heard("LIGHT UP", 1.5, min_margin=-4.0, margin_per_token=0.0)
    assert not heard("LIGHT UP HERE", 1.4, min_margin=-4.0, margin_per_token=0.0)


@pytest.mark.parametrize(
    ("before", "behind", "heard"),
    [
        (".*9", ".*20", True),
        ("▁LIGHT .*9", ".*9 ▁ON .*20", True),
        ("▁LIGHT .*3", ".*20", False),
        (".*9", ".*3 ▁ON .*20", False),
        ("▁LIGHT .*3", ".*3 ▁ON .*20", False),
    ],
)
def test_what_is_said_alone_may_be_doubted_more(before: str, behind: str, heard: bool) -> None:
    """UP, 3 nats less likely than DOWN: a command where it stands between pauses, nothing between other words."""
    stream = Stream(["UP"], SearchSettings(threshold=0.02, min_score=0.01, min_margin=-1.0, alone_margin=-4.0))
    hits = stream.hear(np.concatenate([say(before), rivalled("▁UP", "▁DOWN", 3.0), say(behind)]))
    assert bool(hits) == heard


@pytest.mark.parametrize(
    ("keyword", "before", "behind", "heard"),
    [
        (Keyword("UP"), ".*9", ".*20", True),
        (Keyword("UP"), "▁LIGHT .*3", ".*20", False),
        (Keyword("UP"), ".*9", ".*3 ▁ON .*20", False),
        (Keyword("UP", threshold=0.1), "▁LIGHT .*3", ".*3 ▁ON .*20", True),
    ],
)
def test_running_speech_asks_for_a_higher_score(keyword: Keyword, before: str, behind: str, heard: bool) -> None:
    """UP at a posterior of about a quarter: heard between pauses; among words where its own threshold says so."""
    stream = Stream([keyword], SearchSettings(threshold=0.1, running_threshold=0.5, min_margin=-2.0))
    hits = stream.hear(np.concatenate([say(before), rivalled("▁UP", "▁DOWN", 1.0), say(behind)]))
    assert bool(hits) == heard


@pytest.mark.parametrize(("tokens", "running_threshold", "heard"), [(5, 0.0, True), (5, 0.6, False), (6, 0.6, True)])
def test_long_phrases_need_no_higher_score(tokens: int, running_threshold: float, heard: bool) -> None:
    """Each token at a posterior of a little less than a half, among other words."""
    settings = SearchSettings(threshold=0.1, running_threshold=running_threshold)
    words = ["NIGHT", "UP", "HERE", "LIGHT", "ON", "UP"][:tokens]
    script = " . . ".join("▁" + word for word in words)
    frames = np.concatenate([say("▁DOWN .*3"), rivalled(script, "▁DOWN", 0.3), say(".*3 ▁DOWN .*20")])
    assert bool(Stream([" ".join(words)], settings).hear(frames)) == heard


def test_the_pause_behind_is_waited_for() -> None:
    """1. Three quiet frames behind it end a chunk: not yet. 2. Eight more: now. 3. What is likelier needs no pause."""
    settings = SearchSettings(threshold=0.02, min_score=0.01, min_margin=-1.0, alone_margin=-4.0)
    quiet, faint, clear = say(".*12"), rivalled("▁UP", "▁DOWN", 3.0), say("▁UP")
    waiting, certain = Stream(["UP"], settings), Stream(["UP"], settings)
    assert waiting.hear(np.concatenate([quiet, faint, say(".*3")])) == []
    assert len(waiting.hear(say(".*8"))) == 1
    assert len(certain.hear(np.concatenate([quiet, clear, say(".*3")]))) == 1


def test_tokens_far_apart_make_no_keyword() -> None:
    """B9, sherpa-onnx#1417: syllables 8 s apart fired."""
    assert Stream(["LIGHT UP"]).phrases("▁LIGHT .*19 ▁UP") == ["LIGHT UP"]
    assert Stream(["LIGHT UP"]).phrases("▁LIGHT .*25 ▁UP") == []
    assert Stream([Keyword("LIGHT UP", max_gap_s=1.2)]).phrases("▁LIGHT .*25 ▁UP") == ["LIGHT UP"]


def test_a_word_that_goes_on_is_another_word() -> None:
    """B10: NIGHT fired inside NIGHTFALL."""
    assert Stream(["NIGHT"]).phrases("▁NIGHT . FALL") == []
    assert Stream(["NIGHT"]).phrases("▁NIGHT . . ▁ON") == ["NIGHT"]
    assert Stream(["NIGHT", "NIGHT+FALL"]).phrases("▁NIGHT . FALL") == ["NIGHT+FALL"]


def test_where_no_token_marks_a_word_nobody_claims_that_it_goes_on() -> None:
    """Phones: NIGHT is heard in NIGHTFALL, unless that is a keyword as well; and no word end is waited for."""
    phones = UnmarkedTokenizer()
    assert Stream(["NIGHT"], tokenizer=phones).phrases("▁NIGHT . FALL") == ["NIGHT"]
    assert Stream(["NIGHT", "NIGHT+FALL"], tokenizer=phones).phrases("▁NIGHT . FALL") == ["NIGHT+FALL"]
    at_the_edge = say(".*7 ▁NIGHT")
    assert len(at_the_edge) == CHUNK_FRAMES
    assert [hit.emitted for hit in Stream(["NIGHT"], tokenizer=phones).hear(at_the_edge)] == [(7,)]
    assert Stream(["NIGHT"]).hear(at_the_edge) == []


def test_without_marks_a_last_token_that_only_begins_is_waited_for() -> None:
    frames = np.concatenate([say(".*7 ▁NIGHT", NIGHT=LOUD / 2 - 1), say("▁NIGHT .*14")])
    weak = SearchSettings(threshold=0.1, min_score=0.01)
    stream = Stream(["NIGHT"], weak, UnmarkedTokenizer())
    assert stream.hear(frames[:CHUNK_FRAMES]) == []
    (hit,) = stream.hear(frames[CHUNK_FRAMES:])
    assert hit.score > 0.9


def test_a_word_half_heard_is_not_a_hit_however_large_the_boost() -> None:
    """B5: the boost is no part of what the threshold tests."""
    for boost in (0.0, 1.0, 3.0):
        settings = SearchSettings(boost=boost, threshold=0.5, min_score=0.1)
        assert Stream(["LIGHT UP"], settings).phrases(". ▁LIGHT . . ▁DOWN . .") == []


@given(st.floats(0, 3), st.floats(0, 3))
def test_the_score_does_not_depend_on_the_boost(one: float, other: float) -> None:
    """B5, the property: same sound, same score."""
    frames = say(f".*3 {SPACED} .*20", UP=5.0)
    hits = [Stream([Keyword("LIGHT UP", boost=boost)]).hear(frames) for boost in (one, other)]
    assert [hit.posteriors for hit in hits[0]] == [hit.posteriors for hit in hits[1]]
    assert len(hits[0]) == 1


def test_thresholds_and_blanks_are_each_keywords_own() -> None:
    easy, strict = Keyword("UP", threshold=0.1, min_score=0.0), Keyword("DOWN", threshold=0.999)
    assert Stream([easy, strict]).phrases(". ▁UP .*20 ▁DOWN", UP=5.0, DOWN=5.0) == ["UP"]
    patient = Keyword("UP", trailing_blanks=15)
    assert Stream([patient]).phrases("▁UP .*10 ▁DOWN") == []
    assert Stream([patient]).phrases("▁UP .*16 ▁DOWN") == ["UP"]


def test_a_phrase_longer_than_the_memory_is_let_go() -> None:
    """Ten to twenty seconds of frames are kept; what began before them cannot be aligned any more."""
    stream = Stream([Keyword(" ".join(["LIGHT", "UP"] * 15), max_gap_s=2.0)])
    assert stream.phrases(" .*20 ".join(["▁LIGHT", "▁UP"] * 15)) == []


def test_what_is_too_weak_anywhere_is_not_asked_whether_it_is_alone() -> None:
    """Below both thresholds among other words: the near miss tells the score, and no pause is looked for."""
    stream = Stream(["UP"], SearchSettings(threshold=0.4, running_threshold=0.9))
    stream.hear(np.concatenate([say("▁LIGHT .*3"), rivalled("▁UP", "▁DOWN", 1.0), say(".*3 ▁ON .*20")]))
    stream.hear(say(".*80"))
    assert {miss.cause for miss in stream.misses} == {MissCause.LOW_SCORE}
    assert all("is below 0.4" in miss.reason for miss in stream.misses)


def test_a_near_miss_says_why() -> None:
    stream = Stream([Keyword("LIGHT UP", threshold=0.9999)])
    stream.hear(say(f".*3 {SPACED} .*16"))
    stream.hear(say(".*80"))
    assert {miss.cause for miss in stream.misses} == {MissCause.LOW_SCORE}
    assert all("is below 0.9999" in miss.reason for miss in stream.misses)


@pytest.mark.parametrize("seed", [13, 19, 36])
def test_a_near_miss_is_of_the_tokens_that_were_looked_for(seed: int) -> None:
    """A longer spelling that came later, too unlikely to be looked for, lent its tokens to the shorter one."""
    keyword = Keyword("UP", spellings=("UP", "LIGHT UP", "LIGHT+S ON UP"), written_forms=False)
    stream = Stream([keyword], SearchSettings(threshold=0.9, min_margin=-3, alone_margin=-1, beam=16, beam_delta=12))
    stream.hear(np.random.default_rng(seed).normal(0, LOUD / 2, (64, len(PIECES))).astype(np.float32))
    assert stream.misses
    assert all(len(miss.tokens) == len(miss.posteriors) == len(miss.emitted) for miss in stream.misses)


scripts = st.lists(st.sampled_from([".", ".*3", ".*9", *PIECES[3:]]), min_size=1, max_size=30).map(" ".join)
phrase_lists = st.lists(
    st.sampled_from(["LIGHT", "LIGHT UP", "UP", "DOWN", "NIGHT", "NIGHT+FALL", "LIGHT+S ON", "ON HERE"]),
    min_size=1,
    unique=True,
)


@given(scripts, phrase_lists)
def test_whatever_is_said_hits_are_apart_and_repeatable(script: str, phrases: list[str]) -> None:
    """B16, and one piece of sound makes one hit."""
    frames = say(f"{script} .*30")
    hits = Stream(phrases).hear(frames)
    again = Stream(phrases).hear(frames)
    assert hits == again
    spans = [(hit.aligned[0], hit.aligned[-1]) for hit in hits]
    for (start, end), (later_start, later_end) in itertools.combinations(spans, 2):
        assert later_start > end or later_end < start


@given(st.integers(0, 2**31))
def test_random_posteriors_never_break_the_search(seed: int) -> None:
    frames = np.random.default_rng(seed).normal(0, LOUD / 2, (64, len(PIECES))).astype(np.float32)
    for hit in Stream(["LIGHT UP", "UP", "LIGHT+S ON"]).hear(frames):
        assert list(hit.aligned) == sorted(set(hit.aligned))
        assert all(0 <= posterior <= 1.000001 for posterior in hit.posteriors)


@given(st.lists(st.integers(1, 20), min_size=1, max_size=30), st.integers(1, 40))
def test_the_history_gives_back_what_it_was_given(lengths: list[int], capacity: int) -> None:
    history = FrameHistory(capacity)
    everything = np.arange(sum(lengths), dtype=np.float32)[:, None]
    for start, length in zip(itertools.accumulate(lengths, initial=0), lengths, strict=False):
        history.append(everything[start : start + length])
    assert history.end == len(everything)
    assert history.end - history.start >= min(capacity, len(everything))
    np.testing.assert_array_equal(history.take(np.arange(history.start, history.end)), everything[history.start :])
    np.testing.assert_array_equal(history.tail(3), everything[max(history.start, history.end - 3) :])
    history.skip(5)
    assert history.start == history.end == len(everything) + 5
