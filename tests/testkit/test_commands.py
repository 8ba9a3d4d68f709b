"""Commands that tests run say what they say, but for what a library thinks of the processor."""

import sys
from pathlib import Path

import pytest

from testkit import commands

SAYS = "import sys; sys.stderr.write('Error in cpuinfo: none\\nown cpuinfo\\nours\\n')"


def test_a_line_that_onnxruntime_writes_by_itself_here_is_nobodys_fault(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Found by importing it, not by what it is called: on a processor that it knows, all lines stay."""
    monkeypatch.setattr(commands, "said_of_the_processor", lambda: frozenset({"Error in cpuinfo: none\n"}))
    assert commands.run(sys.executable, "-c", SAYS, home=tmp_path).stderr == "own cpuinfo\nours\n"
    monkeypatch.setattr(commands, "said_of_the_processor", frozenset)
    assert commands.run(sys.executable, "-c", SAYS, home=tmp_path).stderr.count("\n") == 3


def test_nothing_else_is_taken_for_it() -> None:
    assert all("cpu" in line for line in commands.said_of_the_processor())
