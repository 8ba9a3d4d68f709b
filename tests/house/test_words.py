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


def classes() -> dict[str, list[str]]:
    """Class name → files of kwsd/ that define one."""
    found = defaultdict(list)
    for path in sorted((ROOT / "kwsd").rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ClassDef):
                found[node.name].append(str(path.relative_to(ROOT)))
    return found


def test_words_given_up_stay_away() -> None:
    assert not GIVEN_UP & set(classes())
    assert not [room for room in ROOMS_GIVEN_UP if (ROOT / "kwsd" / room).exists()]


def test_a_class_name_means_one_thing() -> None:
    twice = {name: files for name, files in classes().items() if len(files) > 1}
    assert not twice
