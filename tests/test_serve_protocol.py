"""The protocol's border and its published schema."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kwsd.serve.commands import COMMAND_NAMES, CommandError, parse_command
from kwsd.serve.records import EVENT_TYPES, OPTIONAL_TYPES, RECORDS, Reply
from kwsd.serve.schema import schema_text

DOCS = Path(__file__).parent.parent / "docs"

VALUES: tuple[Any, ...] = (
    None, True, False, 0, 1, -1, 2**53 + 1, 10**400, 0.5, -0.0, 1e300, float("nan"), float("inf"),
    "", "a", "LIGHT ON", "detection", "level", "\x00", "\u2028", "\ud800", "x" * 300, "☃" * 70, "true", "1",
    [], {}, [[]], [None], [{}], ["detection"], ["a", "a"], ["detection", 1], [["detection"]], {"a": {}},
    {"phrase": "LIGHT ON"}, [{"phrase": "LIGHT ON", "boost": 1.5}], [{"phrase": ""}], [{"phrase": "a", "spam": 1}],
    ["a"] * 1000, [[[[[[[[]]]]]]]],
)  # fmt: skip
FIELDS = ("request_id", "types", "keywords", "threshold", "keyword", "id", "start", "end", "on", "phrase", "")
NEAR_COMMANDS = st.fixed_dictionaries(
    {"command": st.sampled_from(COMMAND_NAMES * 3 + VALUES)},
    optional={name: st.sampled_from(VALUES) for name in FIELDS},
)


def parsed(line: bytes) -> str:
    """What came of a line: a command's name, or a refusal. Anything else is a defect."""
    try:
        return parse_command(line).command
    except CommandError as error:
        reply = Reply(command=error.command, request_id=error.request_id, ok=False, error=str(error))
    assert len(reply.line()) < 5000
    return "refused"


@settings(max_examples=7000, deadline=None)
@given(NEAR_COMMANDS)
def test_anything_like_a_command_is_taken_or_refused(command: dict[str, Any]) -> None:
    line = json.dumps(command).encode()
    outcome = parsed(line)
    assert outcome in {*COMMAND_NAMES, "refused"}


@settings(max_examples=3000, deadline=None)
@given(st.binary(max_size=300))
def test_any_bytes_are_refused(line: bytes) -> None:
    assert parsed(line) in {*COMMAND_NAMES, "refused"}


@settings(max_examples=1000, deadline=None)
@given(
    st.sampled_from(
        [
            b'{"command":"subscribe","types":["detection"],"keywords":["a"],"request_id":1}',
            b'{"command":"set_keywords","keywords":["LIGHT ON",{"phrase":"TURN OFF","name":"off","boost":1.5}]}',
            b'{"command":"clip","id":17,"start":1.5,"end":2.5,"request_id":"x"}',
        ]
    ),
    st.lists(st.tuples(st.integers(0, 100), st.integers(0, 255), st.booleans()), min_size=1, max_size=4),
)
def test_damaged_commands_are_taken_or_refused(line: bytes, damage: list[tuple[int, int, bool]]) -> None:
    bytes_ = bytearray(line)
    for where, what, insert in damage:
        bytes_[where % len(bytes_) : where % len(bytes_) + (not insert)] = bytes([what])
    assert parsed(bytes(bytes_)) in {*COMMAND_NAMES, "refused"}


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
    """`python -m kwsd.serve.schema > docs/protocol.schema.json` brings it up to date."""
    assert (DOCS / "protocol.schema.json").read_text() == schema_text()


def test_the_page_speaks_of_every_record_command_and_event() -> None:
    page = (DOCS / "protocol.md").read_text()
    names = [model.model_fields["type"].default for model in RECORDS] + list(COMMAND_NAMES)
    assert {name for name in (*names, *EVENT_TYPES, *OPTIONAL_TYPES) if f"`{name}`" not in page} == set()


def test_every_example_of_the_page_is_a_command_that_is_taken() -> None:
    lines = [line for line in (DOCS / "protocol.md").read_text().splitlines() if line.startswith('{"command"')]
    assert len(lines) >= 9
    for line in lines:
        parse_command(line.encode())
