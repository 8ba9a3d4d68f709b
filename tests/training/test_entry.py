"""What a stranger meets who types `python -m training.zipformer`, with and without torch."""

import subprocess
import sys

import pytest

from training.zipformer.__main__ import main

WITHOUT_TORCH = """
import runpy
import sys
sys.modules["torch"] = None
del sys.argv[0]
runpy.run_module(sys.argv[0], run_name="__main__", alter_sys=True)
"""


def test_help_tells_the_order_and_every_command(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["--help"])
    told = capsys.readouterr().out
    assert "scripts/training-environment" in told
    for command in ("prepare", "train", "average", "export", "tune", "describe", "evaluate", "adapt", "teach"):
        assert f"\n    {command} " in told


@pytest.mark.parametrize(
    "command",
    [
        "training.zipformer train data run",
        "training.commands12 train --model ds-cnn",
        "training.tiny_audio export run to",
    ],
)
def test_without_torch_a_line_says_what_installs_it(command: str) -> None:
    words = [sys.executable, "-c", WITHOUT_TORCH, *command.split()]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    assert (done.returncode, len(done.stderr.splitlines())) == (1, 1), done.stderr
    assert "torch is not installed; it comes with: pip install 'kwsd[train]'" in done.stderr
