"""The sets that streams share: made once for each choice of names."""

from pathlib import Path

from kwsd import Keyword, Model
from kwsd.bridges.wyoming.names import MOST_SETS, WakeWords
from kwsd.search.settings import SearchSettings


def test_the_whole_list_is_ready_however_many_choices_were_made_of_it(tiny_model_dir: Path) -> None:
    """Compiled anew, a list of ten thousand would keep the next stream waiting for half a second."""
    phrases = [f"{first} {second}" for first in ("LIGHT", "TURN", "HEY") for second in ("ON", "OFF", "LIGHT")]
    keywords = [Keyword(" ".join([phrase] * times)) for times in range(1, 6) for phrase in phrases]
    words = WakeWords(keywords, Model.load(tiny_model_dir), SearchSettings())
    whole = words.ready(None)
    assert whole is not None
    for name in words.names[: MOST_SETS + 5]:
        words.searched(frozenset([name, "no_such_word"]))
    assert words.ready(None) is words.ready(frozenset(words.names)) is words.searched(None) is whole
    assert words.ready(frozenset(words.names[:1])) is None, "it was pushed out by later choices"
    (last,) = words.searched(frozenset([words.names[MOST_SETS + 4]])).searched.labels
    assert last == keywords[MOST_SETS + 4].label
