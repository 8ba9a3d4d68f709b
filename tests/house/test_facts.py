"""One place per fact: what an event is called, how many samples a second has, how wide a 10 ms shift is."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from kwsd.events import EVENT_TYPES

ROOT = Path(__file__).parents[2]
MODULES = sorted(
    path for room in ("kwsd", "measure", "bench", "training", "website") for path in (ROOT / room).rglob("*.py")
)
HOMES_OF_EVENTS = ("kwsd/events.py", "kwsd/intents.py", "kwsd/orders.py", "kwsd/told_frames.py", "kwsd/protocol/")
TIMES = {16_000: "SAMPLE_RATE", 160: "FBANK_SHIFT_SAMPLES"}
OTHER_THINGS = {
    ("training/commands12/models/ds_cnn.py", 160),  # channels
    ("training/zipformer/data/augment.py", 160),  # a length that suits the transform
    ("training/zipformer/data/synthesis.py", 160),  # words a minute
    ("training/zipformer/train_commands.py", 160),  # ms of a chunk
    ("kwsd/limits.py", 160),  # likewise
    ("kwsd/commands12/isolation.py", 160),  # frames before a word
    ("training/tiny_audio/shipped/encoders_tiny_audio.py", 16_000),  # it travels to where there is no kwsd
}


def constants(path: Path) -> Iterator[object]:
    """Numbers and texts in the code of a file; docstrings are none."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    loose = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and id(node) not in loose:
            yield node.value


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(ROOT)))
def test_the_sample_rate_and_the_shift_stand_in_timebase(path: Path) -> None:
    where = str(path.relative_to(ROOT))
    again = {value for value in constants(path) if type(value) is int and value in TIMES}
    again -= {number for file, number in OTHER_THINGS if file == where}
    if where != "kwsd/timebase.py":
        assert not again, f"import {', '.join(TIMES[number] for number in again)} from kwsd.timebase"


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(ROOT)))
def test_names_of_events_stand_in_events(path: Path) -> None:
    """A name that is an ordinary word as well (level, muted, loaded) may stand as one elsewhere."""
    where = str(path.relative_to(ROOT))
    if where.startswith(HOMES_OF_EVENTS):
        return
    plain = {"level", "muted", "loaded", "detection", "heartbeat", "degraded", "transcript", "audio"}
    quoted = {value for value in constants(path) if value in set(EVENT_TYPES) - plain}
    assert not quoted, "take Event.type"


PARSES_JSON = {"kwsd/small_files.py", "kwsd/protocol/connection.py", "kwsd/transcripts/pipeline_worker.py"}
"""Where depth is bounded; what bounds it itself, for programs that are to import little; what only hears its parent."""


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(ROOT)))
def test_json_that_others_may_have_written_is_parsed_where_its_depth_is_bounded(path: Path) -> None:
    """RecursionError is no ValueError: who forgot it had an internal error of a file of brackets."""
    where = str(path.relative_to(ROOT))
    if where.startswith("kwsd/") and where not in PARSES_JSON:
        assert "json.load" not in path.read_text(encoding="utf-8"), "take parse_json of kwsd.small_files"
