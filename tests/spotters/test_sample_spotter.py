"""`kwsd.Spotter` as a stranger uses it."""

from pathlib import Path

import numpy as np
import pytest

import kwsd
from testkit.tiny_model import speak


def test_a_model_may_be_named_and_samples_of_another_scale_are_refused(tiny_model_dir: Path) -> None:
    """Those of 16 bits as floats were heard, as noise, and nothing was said."""
    spotter = kwsd.Spotter(tiny_model_dir, "LIGHTS ON")
    sound = speak("LIGHTS ON", tail_s=1.0)
    with pytest.raises(ValueError, match=r"in -1\.\.1, not up to \d+; divide those of 16 bits by 32768"):
        spotter.accept(np.round(sound * 32767))
    assert [detection.keyword for detection in spotter.accept(sound)] == ["LIGHTS ON"]
