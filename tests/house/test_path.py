"""A chunk's way can be walked: docs/path.md names every file on it, and they are few and short."""

import re
import sys
from pathlib import Path
from types import FrameType

import numpy as np

from kwsd.acoustic.model import Model
from kwsd.events import Detection, NearMiss
from kwsd.keywords.keyword import Keyword
from kwsd.spotters.phrases import PhraseSpotter
from kwsd.stream import Chunk
from testkit.tiny_model import silence, speak

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "path.md").read_text(encoding="utf-8")
MOST_FILES, MOST_LINES = 18, 2200
SPINE_FILES, SPINE_LINES = 6, 550
FILE = re.compile(r"`(kwsd/[\w/]+\.py)`")


def section(title: str) -> str:
    """What stands under a heading."""
    return PAGE.partition(f"\n## {title}\n")[2].partition("\n## ")[0]


def listed(title: str) -> list[str]:
    """The files that a section lists, one an item."""
    return re.findall(r"^(?:-|\d+\.) `(kwsd/[\w/]+\.py)`", section(title), re.MULTILINE)


def lines(files: list[str]) -> int:
    return sum(len((ROOT / file).read_text(encoding="utf-8").splitlines()) for file in files)


def test_the_way_is_short_and_its_spine_tells_it() -> None:
    way, spine = listed("The way"), listed("The spine")
    assert len(set(way)) == len(way) <= MOST_FILES
    assert lines(way) <= MOST_LINES, f"{lines(way)} lines"
    assert len(spine) == SPINE_FILES
    assert set(spine) <= set(way)
    assert lines(spine) <= SPINE_LINES, f"{lines(spine)} lines"


def test_a_sound_passes_no_file_that_the_page_does_not_name(tiny_model_dir: Path) -> None:
    """1. A phrase is heard and another nearly, while every function called is noted. 2. The page has its file."""
    spotter = PhraseSpotter(Model.load(tiny_model_dir), [Keyword("STOP"), Keyword("LIGHTS ON", threshold=0.9999)])
    sound = np.concatenate([speak("LIGHTS ON"), silence(1.0), speak("STOP"), silence(1.0)])
    passed: set[str] = set()

    def note(frame: FrameType, _event: str, _argument: object) -> None:
        passed.add(frame.f_code.co_filename)

    before = sys.getprofile()
    sys.setprofile(note)
    try:
        told = spotter.push(Chunk(0, sound, ""))
    finally:
        sys.setprofile(before)
    assert {type(event) for event in told} == {Detection, NearMiss}
    ours = {str(Path(file).relative_to(ROOT)) for file in passed if file.startswith(str(ROOT / "kwsd"))}
    missing = ours - set(FILE.findall(section("The way")))
    assert not missing, "say in docs/path.md what they are for: on the way, or beside it"


def test_it_says_where_the_next_things_stand() -> None:
    places = dict(re.findall(r"^\| ([^|]+) \| ([^|]+) \|", section("Where a new thing stands"), re.MULTILINE))
    for thing in ("quiet room", "second microphone", "transcript", "MQTT outlet"):
        place = next(where for what, where in places.items() if thing in what)
        paths = re.findall(r"`(kwsd/[\w/.]+)`", place)
        assert paths, thing
        assert all((ROOT / path).exists() for path in paths), thing
