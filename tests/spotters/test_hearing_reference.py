"""Nothing about hearing changes: what three recordings gave before the house was rebuilt, they give now."""

import json
from pathlib import Path

import pytest

from testkit.hearing_reference import GOLDEN, REFERENCE, Hearing, demo, golden, tones

EXPECTED: dict[str, Hearing] = json.loads(REFERENCE.read_text())


def test_tones_in_random_cuts_with_gaps(tiny_model_dir: Path) -> None:
    assert tones(tiny_model_dir) == EXPECTED["tones"]


def test_the_demo_with_the_model_that_ships() -> None:
    assert demo() == EXPECTED["demo"]


@pytest.mark.model
@pytest.mark.skipif(not GOLDEN.is_dir(), reason="no ../shared")
def test_the_golden_recordings_with_upstreams_model() -> None:
    assert golden() == EXPECTED["golden"]
