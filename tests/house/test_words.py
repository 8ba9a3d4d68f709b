"""One name for one thing: the words that were given up do not come back, and no class name means two things."""

import ast
from collections import defaultdict
from pathlib import Path

ROOT = Path(__file__).parents[2]
GIVEN_UP = {
    "Desk",
    "KeywordDesk",
    "Door",
    "Standing",
    "Reporter",
    "Ears",
    "Seat",
    "Revival",
    "Pace",
    "Turn",
    "Block",
    "Tape",
    "Plan",
    "NearMissTeller",
    "Listener",
    "OpenSpotter",
    "AnyEngine",
    "PosteriorEngine",
    "CommandSpotter",
    "CommandModel",
    "Entry",
    "Arrival",
    "Decider",
    "Hook",
    "Saver",
    "Ring",
    "EncoderStream",
    "SearchDefaults",
}
"""Class names of the first version, each with a plainer successor (CONTRIBUTING.md)."""
ROOMS_GIVEN_UP = ("fallback", "listener", "serve")


def classes(*rooms: str) -> dict[str, list[str]]:
    """Class name → files of the rooms that define one."""
    found = defaultdict(list)
    for path in sorted(path for room in rooms for path in (ROOT / room).rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ClassDef):
                found[node.name].append(str(path.relative_to(ROOT)))
    return found


def test_words_given_up_stay_away() -> None:
    assert not GIVEN_UP & set(classes("kwsd"))
    assert not [room for room in ROOMS_GIVEN_UP if (ROOT / "kwsd" / room).exists()]


def test_a_class_name_means_one_thing() -> None:
    twice = {name: files for name, files in classes("kwsd").items() if len(files) > 1}
    assert not twice


def test_what_is_measured_has_one_record_each() -> None:
    """Bench and training score alike, so that their figures can be compared."""
    found = classes("measure", "bench", "training", "testkit", "website")
    homes = {home for name in ("Label", "Hit", "Score") for home in found[name]}
    assert homes == {"measure/scoring.py"}
