"""Every border, two hundred spoilt inputs each; `python -m bench fuzz` tries ten thousand."""

from pathlib import Path

import pytest

from bench.fuzz.borders import BORDERS, Border
from bench.fuzz.run import tried
from bench.fuzz.spoil import spoilt

CASES = 200


@pytest.mark.parametrize("border", BORDERS, ids=lambda border: border.name)
def test_no_border_breaks(border: Border) -> None:
    outcome = tried(border, range(CASES))
    assert outcome.failures == []
    assert outcome.taken + outcome.refused == CASES


@pytest.mark.parametrize("border", BORDERS, ids=lambda border: border.name)
def test_what_is_well_is_taken(border: Border, tmp_path: Path) -> None:
    """Else nothing but the first check of a border would be tried."""
    border.enter(border.seeds()[0], tmp_path)


def test_what_breaks_is_told() -> None:
    def breaks(_: bytes, __: Path) -> object:
        raise ZeroDivisionError("told")

    assert tried(Border("x", "", lambda: [b"seed"], breaks), range(3)).failures[0] == "x 0: ZeroDivisionError: told"


def test_a_case_can_be_made_again() -> None:
    seeds = [b"one seed", b"another"]
    assert [spoilt(seeds, 7, "x") for _ in range(3)] == [spoilt(seeds, 7, "x")] * 3
    assert len({spoilt(seeds, number, "x") for number in range(100)}) > 50
