"""What a stranger meets who types `python -m training.zipformer`, with and without torch."""

import subprocess
import sys

import pytest

from training.zipformer.__main__ import main

WITHOUT_TORCH = """
import sys
sys.modules["torch"] = None
from training.zipformer.__main__ import main
sys.exit(main(sys.argv[1:]))
"""


def test_help_tells_the_order_and_every_command(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["--help"])
    told = capsys.readouterr().out
    assert "scripts/training-environment" in told
    for command in ("prepare", "train", "average", "export", "tune", "describe", "evaluate", "adapt", "teach"):
        assert f"\n    {command} " in told


def test_without_torch_a_line_says_what_installs_it() -> None:
    done = subprocess.run(
        [sys.executable, "-c", WITHOUT_TORCH, "train", "data", "run"], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (1, "train: torch is not installed: run `scripts/training-environment`\n")
