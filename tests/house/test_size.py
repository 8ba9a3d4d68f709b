"""Files are one concept, functions one thought, and a name stands for something a reader would look up."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
MODULES = sorted(
    path
    for room in ("kwsd", "measure", "bench", "training", "testkit", "website")
    for path in (ROOT / room).rglob("*.py")
)
LONGEST_FILE, LONGEST_FUNCTION = 300, 45
MENTIONED_ONCE, CALLED_ONCE = 139, 112
"""Private functions of kwsd/ that stand at one place beside their definition, and those of them that it calls.

The others are handed over there: to a thread, a table, a cache. 120 of both together was the plan; these numbers may
only fall.
"""
DEFINITION = re.compile(r"^\s*(?:async )?def (_[a-z]\w*)", re.MULTILINE)


def functions(path: Path) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    """Every function of a file."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(ROOT)))
def test_a_file_is_one_concept_and_a_function_one_thought(path: Path) -> None:
    assert len(path.read_text(encoding="utf-8").splitlines()) <= LONGEST_FILE, "split it by concepts"
    long = [node.name for node in functions(path) if (node.end_lineno or 0) - node.lineno >= LONGEST_FUNCTION]
    assert not long, f"longer than {LONGEST_FUNCTION} lines: {long}"


def test_parts_are_taken_out_for_a_reason() -> None:
    """A private function that one place calls is read by jumping there and back: its body reads better in place."""
    mentioned = called = 0
    for path in (ROOT / "kwsd").rglob("*.py"):
        text = path.read_text(encoding="utf-8")
        once = [name for name in set(DEFINITION.findall(text)) if len(re.findall(rf"\b{name}\b", text)) == 2]
        mentioned += len(once)
        called += sum(len(re.findall(rf"\b{name}\(", text)) == 2 for name in once)
    assert mentioned <= MENTIONED_ONCE, f"{mentioned} private functions are used at one place"
    assert called <= CALLED_ONCE, f"{called} private functions are called from one place"
