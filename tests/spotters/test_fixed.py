"""The face of the fixed words: names and thresholds of keywords, and what is refused."""

from collections.abc import Sequence

import numpy as np
import pytest

from kwsd.commands12.model import find_model
from kwsd.config.settings import FixedWords
from kwsd.errors import ConfigError
from kwsd.events import Detection
from kwsd.keywords.keyword import Keyword
from kwsd.spotters.fixed import FixedSpotter
from kwsd.stream import Chunk
from testkit.spoken import with_gaps

MODEL = find_model("ds-cnn")


def make(keywords: Sequence[Keyword] | None = None, words: tuple[str, ...] = ()) -> FixedSpotter:
    return FixedSpotter(MODEL, FixedWords(threshold=0.35, words=words), keywords)


def hear(spotter: FixedSpotter, sound: np.ndarray) -> list[Detection]:
    return spotter.push(Chunk(spotter.position_samples, sound, "")) + spotter.finish()


def test_keywords_give_names_and_thresholds_by_word() -> None:
    spotter = make([Keyword("YES", name="agree", threshold=0.3), Keyword("off", threshold=1.0)])
    hits = hear(spotter, with_gaps("yes", "off"))
    assert [(hit.keyword, hit.phrase, hit.threshold) for hit in hits] == [("agree", "YES", 0.3)]


@pytest.mark.parametrize(
    ("setting", "phrases", "told"),
    [
        ((), None, ["yes", "off"]),
        (("off",), None, ["off"]),
        ((), ["OFF"], ["off"]),
        (("yes", "off"), ["off"], ["yes", "off"]),
        ((), [], []),
    ],
    ids=["no list", "by the setting", "by the keywords", "the setting rules", "an empty list"],
)
def test_only_the_words_asked_for_are_told(
    setting: tuple[str, ...], phrases: Sequence[str] | None, told: list[str]
) -> None:
    spotter = make(None if phrases is None else [Keyword(phrase) for phrase in phrases], setting)
    assert [hit.phrase.lower() for hit in hear(spotter, with_gaps("yes", "off"))] == told


def test_what_cannot_be_heard_is_refused_and_the_old_list_stays() -> None:
    """Once any phrase was taken as in force, and all ten words fired in its place."""
    spotter = make([Keyword("yes")])
    with pytest.raises(ConfigError, match="lamp: only the fixed words can be heard: yes, no, up"):
        spotter.replace(spotter.compile([Keyword("off"), Keyword("lamp")]))
    assert [hit.phrase for hit in hear(spotter, with_gaps("yes", "off"))] == ["yes"]


def test_a_new_list_is_in_force_from_the_next_chunk() -> None:
    spotter = make([Keyword("yes")])
    spotter.replace(spotter.compile([Keyword("off"), Keyword("yes", enabled=False)]))
    assert spotter.keywords == (Keyword("off"),)
    assert [hit.phrase for hit in hear(spotter, with_gaps("yes", "off"))] == ["off"]
