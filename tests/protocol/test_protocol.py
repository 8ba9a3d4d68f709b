"""The protocol's border and its published schema."""

import json
import os
import random
import re
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kwsd.events import DEFAULT_TYPES, EVENT_TYPES, ReloadFailed
from kwsd.protocol.commands import COMMAND_NAMES, parse_command
from kwsd.protocol.messages import RECORDS, CommandError, Reply
from kwsd.protocol.schema import schema_text

DOCS = Path(__file__).parents[2] / "docs"

VALUES: tuple[Any, ...] = (
    None, True, False, 0, 1, -1, 2**53 + 1, 10**400, 0.5, -0.0, 1e300, float("nan"), float("inf"),
    "", "a", "LIGHT ON", "detection", "level", "\x00", "\u2028", "\ud800", "x" * 300, "☃" * 70, "true", "1",
    [], {}, [[]], [None], [{}], ["detection"], ["a", "a"], ["detection", 1], [["detection"]], {"a": {}},
    {"phrase": "LIGHT ON"}, [{"phrase": "LIGHT ON", "boost": 1.5}], [{"phrase": ""}], [{"phrase": "a", "spam": 1}],
    ["a"] * 1000, [[[[[[[[]]]]]]]],
)  # fmt: skip
FIELDS = ("request_id", "types", "keywords", "threshold", "keyword", "id", "start", "end", "on", "phrase", "")
VARIANTS = 10  # per seed: drawing every value through hypothesis would take ten times as long


def near_command(dice: random.Random) -> dict[str, Any]:
    """A command with some right and some absurd values."""
    chosen = [name for name in FIELDS if dice.random() < 0.3]
    values = {name: dice.choice(VALUES) for name in chosen}
    return {"command": dice.choice(COMMAND_NAMES * 3 + VALUES), **values}


def parsed(line: bytes) -> str:
    """What came of a line: a command's name, or a refusal. Anything else is a defect."""
    try:
        return parse_command(line).command
    except CommandError as error:
        reply = Reply(command=error.command, request_id=error.request_id, ok=False, error=str(error))
    assert len(reply.line()) < 5000
    return "refused"


@settings(max_examples=900, deadline=None)
@given(st.integers(0, 2**32))
def test_anything_like_a_command_is_taken_or_refused(seed: int) -> None:
    dice = random.Random(seed)
    for _ in range(VARIANTS):
        line = json.dumps(near_command(dice)).encode()
        assert parsed(line) in {*COMMAND_NAMES, "refused"}


@settings(max_examples=300, deadline=None)
@given(st.binary(max_size=300))
def test_any_bytes_are_refused(line: bytes) -> None:
    assert parsed(line) in {*COMMAND_NAMES, "refused"}


GOOD = (
    b'{"command":"subscribe","types":["detection"],"keywords":["a"],"request_id":1}',
    b'{"command":"set_keywords","keywords":["LIGHT ON",{"phrase":"TURN OFF","name":"off","boost":1.5}]}',
    b'{"command":"clip","id":17,"start":1.5,"end":2.5,"request_id":"x"}',
)


@settings(max_examples=120, deadline=None)
@given(st.integers(0, 2**32))
def test_damaged_commands_are_taken_or_refused(seed: int) -> None:
    dice = random.Random(seed)
    for _ in range(VARIANTS):
        line = bytearray(dice.choice(GOOD))
        for _ in range(dice.randint(1, 4)):
            where = dice.randrange(len(line))
            line[where : where + dice.randint(0, 2)] = dice.randbytes(1)
        assert parsed(bytes(line)) in {*COMMAND_NAMES, "refused"}


@pytest.mark.parametrize(
    ("line", "complaint"),
    [
        (b"", "Invalid JSON"),
        (b"[" * 60_000, "recursion limit"),
        (b"\xff\xfe", "Invalid JSON"),
        (b"5", "should be an object"),
        (b"{}", "no such command; there are: subscribe, status"),
        (b'{"command":"sing"}', "no such command"),
        (b'{"command":"status","volume":11}', "volume: Extra inputs"),
        (b'{"command":"subscribe","types":["gossip"]}', "types.0: Input should be 'detection'"),
        (b'{"command":"set_threshold"}', "threshold: Field required"),
        (b'{"command":"set_threshold","threshold":1.5}', "threshold: Input should be less than or equal to 1"),
        (b'{"command":"set_threshold","threshold":NaN}', "threshold: Input should be a finite number"),
        (b'{"command":"set_threshold","threshold":"0.5"}', "threshold: Input should be a valid number"),
        (b'{"command":"set_keywords","keywords":[]}', "keywords: Tuple should have at least 1 item"),
        (b'{"command":"set_keywords","keywords":["a\\u0000b"]}', "should match pattern"),
    ],
)
def test_refusals_name_the_field_and_what_it_may_be(line: bytes, complaint: str) -> None:
    with pytest.raises(CommandError, match=re.escape(complaint)):
        parse_command(line)


def test_the_published_schema_is_that_of_the_models() -> None:
    """`python -m kwsd.protocol.schema > docs/protocol.schema.json` brings it up to date."""
    assert (DOCS / "protocol.schema.json").read_text() == schema_text()


def test_a_name_is_a_class_and_a_class_a_name() -> None:
    assert len({record.type for record in RECORDS}) == len(RECORDS)
    assert {"detection", "muted", "loaded"} <= DEFAULT_TYPES <= set(EVENT_TYPES)
    assert set(EVENT_TYPES) - DEFAULT_TYPES == {
        "heartbeat",
        "level",
        "near_miss",
        "held",
        "spectrum",
        "encoder_frames",
        "audio",
    }


def test_a_line_is_json_whatever_a_file_is_called() -> None:
    line = ReloadFailed(problems=(os.fsdecode(b"caf\xe9.txt:1: \xe2\x98\x83"),)).line()
    assert json.loads(line.decode())["problems"] == ["caf?.txt:1: ☃"]


def test_the_page_speaks_of_every_record_command_and_event() -> None:
    page = (DOCS / "protocol.md").read_text()
    names = (*(record.type for record in RECORDS), *COMMAND_NAMES)
    assert {name for name in names if f"`{name}`" not in page} == set()


def test_every_example_of_the_page_is_a_command_that_is_taken() -> None:
    lines = [line for line in (DOCS / "protocol.md").read_text().splitlines() if line.startswith('{"command"')]
    assert len(lines) >= 9
    for line in lines:
        parse_command(line.encode())
