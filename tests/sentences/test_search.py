"""The search for sentences over frames written by hand."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from kwsd.sentences.compile import compile_sentences
from kwsd.sentences.files import read_sentence_file
from kwsd.sentences.search import HeardSentence, SentenceSearch
from kwsd.sentences.settings import SentenceSettings
from kwsd.units import Context
from testkit.scripted import LOUD, PIECES, ScriptedAcoustics, ScriptedTokenizer, heard, say

SILENCE = say(".*40")


def frame(**probabilities: float) -> NDArray[np.float32]:
    """A frame in which pieces are so probable, and the blank takes what is left."""
    row = np.full((1, len(PIECES)), -2 * LOUD, np.float32)
    for piece, probability in probabilities.items():
        row[0, PIECES.index(f"▁{piece}" if f"▁{piece}" in PIECES else piece)] = np.log(probability)
    row[0, 0] = np.log(1 - sum(probabilities.values()))
    return row


class Expecting(ScriptedAcoustics):
    """Behind LIGHT something is to follow: silence costs as much as a word that was not said."""

    def log_probs(
        self, frames: NDArray[np.float32], contexts: Sequence[Context], _groups: Sequence[int] = ()
    ) -> NDArray[np.float32]:
        """As scripted, but for the blank."""
        rows = super().log_probs(frames, contexts)
        for row, (_, last) in zip(rows, contexts, strict=True):
            if last == PIECES.index("▁LIGHT"):
                row[0] = np.log(0.3)
        return rows


def test_where_nothing_was_said_in_the_end_nothing_is_rejected(tmp_path: Path) -> None:
    """1. A sound is likelier a word than silence, until what follows shows that it was none, as behind a wake word.

    Result: nobody is told that he was not understood.
    """
    (tmp_path / "s.yaml").write_text("intents: {Say: {data: [{sentences: [light up]}]}}")
    compiled = compile_sentences(read_sentence_file(tmp_path / "s.yaml"), ScriptedTokenizer(), "en")
    for acoustics, rejected in ((Expecting(), 0), (ScriptedAcoustics(), 1)):
        search = SentenceSearch(compiled, acoustics, SentenceSettings())
        search.arm()
        found = search.push(heard(np.concatenate([frame(LIGHT=0.6), SILENCE, SILENCE]), 0))
        assert [each.accepted for each in found] == [False] * rejected
        assert not search.is_under_way


def decided(folder: Path, sentences: str, *frames: NDArray[np.float32], beam: int = 32) -> HeardSentence:
    """What becomes of them, with a pause behind."""
    (folder / "s.yaml").write_text(f"intents: {{Say: {{data: [{{sentences: [{sentences}]}}]}}}}")
    compiled = compile_sentences(read_sentence_file(folder / "s.yaml"), ScriptedTokenizer(), "en")
    search = SentenceSearch(compiled, ScriptedAcoustics(), SentenceSettings(beam=beam))
    search.arm()
    (found,) = search.push(heard(np.concatenate([*frames, SILENCE]), 0))
    return found


def text(found: HeardSentence) -> str:
    return " ".join(step.arc.word for step in found.reading.steps)


def test_beginnings_that_wait_do_not_push_out_what_is_being_said(tmp_path: Path) -> None:
    """1. Two weak words of a sentence; three others may have begun in the second. Result: room for three is enough."""
    begun = (frame(LIGHT=0.4, NIGHT=0.1), frame(UP=0.15, HERE=0.25, ON=0.25, DOWN=0.25))
    rest = (say("▁DOWN"), say("▁ON"), say("▁NIGHT"), say("▁UP"))
    sentences = "light up down on night up, here light, on light, down light"
    found = decided(tmp_path, sentences, *begun, *rest, beam=3)
    assert (text(found), found.accepted) == ("light up down on night up", True)


def test_a_weak_last_word_is_no_other_sentence(tmp_path: Path) -> None:
    """1. A word that is half as probable as silence ends a longer sentence. Result: that one, as words cost more."""
    found = decided(tmp_path, "light up, light up down", say("▁LIGHT"), say("▁UP"), frame(DOWN=0.35))
    assert (text(found), found.accepted) == ("light up down", True)


def test_of_a_short_sentence_more_is_asked(tmp_path: Path) -> None:
    """1. Two words, each less than a quarter as probable as another. 2. Six such words. Result: these are believed."""
    settings = SentenceSettings()
    short = decided(tmp_path, "light up", frame(NIGHT=0.78, LIGHT=0.18), frame(HERE=0.78, UP=0.18))
    assert (text(short), short.accepted) == ("light up", False)
    assert short.threshold > short.score > settings.threshold
    instead = ("NIGHT", "HERE", "NIGHT", "HERE", "NIGHT", "HERE")
    doubtful = [
        frame(**{other: 0.78, word: 0.18})
        for word, other in zip(("LIGHT", "UP", "DOWN", "ON", "HERE", "UP"), instead, strict=True)
    ]
    long = decided(tmp_path, "light up down on here up", *doubtful)
    assert (text(long), long.accepted, long.threshold) == ("light up down on here up", True, settings.threshold)
