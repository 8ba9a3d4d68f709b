"""What the pages name is there: paths, flags of our commands, and one place for what is 16 000 and 160."""

import re
import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest

from kwsd.config.load import keys

ROOT = Path(__file__).parents[2]
PAGES = sorted(
    path
    for pattern in ("*.md", "docs/**/*.md", "keywords/*.md", "models/README.md", "bench/*.md", "training/*/README.md")
    for path in ROOT.glob(pattern)
)
OURS = (
    "kwsd",
    "tests",
    "testkit",
    "docs",
    "bench",
    "training",
    "measure",
    "models",
    "keywords",
    "systemd",
    "scripts",
    "website",
)
PATH = re.compile(rf"`((?:{'|'.join(OURS)})/[\w./-]*\w)`")
FLAG = re.compile(r"(?<![\w/.-])(kwsd|kwsctl) ([^`\n|]*)")
HISTORY = ("CHANGELOG.md", "docs/decisions/")


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_paths_that_a_page_names_exist(page: Path) -> None:
    where = str(page.relative_to(ROOT))
    if where.startswith(HISTORY):
        pytest.skip("tells what was, in the words of its time")
    named = [path for path in PATH.findall(page.read_text(encoding="utf-8")) if "/.work" not in path]
    missing = [path for path in named if not (ROOT / path).exists() and not (page.parent / path).exists()]
    assert not missing


@cache
def help_of(command: str, *words: str) -> str:
    """What a command says of itself."""
    program = Path(sys.executable).with_name(command)
    return subprocess.run([program, *words, "--help"], capture_output=True, text=True, check=False).stdout


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_flags_that_a_page_names_exist(page: Path) -> None:
    if str(page.relative_to(ROOT)).startswith(HISTORY):
        pytest.skip("tells what was, in the words of its time")
    unknown = set()
    for command, rest in FLAG.findall(page.read_text(encoding="utf-8")):
        words = rest.split()
        under = (
            words[: 1 + (words[0] == "models")]
            if command == "kwsctl" and words and words[0].replace("-", "").isalpha()
            else []
        )
        for flag in (word.split("=")[0].rstrip(".,;:)\"'") for word in words if word.startswith("--")):
            if flag not in help_of(command, *under) and flag not in help_of(command):
                unknown.add(f"{command} {' '.join(under)} {flag}")
    assert not unknown


def test_every_setting_of_the_daemon_stands_on_its_page() -> None:
    page = (ROOT / "docs" / "daemon.md").read_text(encoding="utf-8")
    names = [key.removeprefix("daemon.") for key, _ in keys() if key.startswith("daemon.")]
    assert [name for name in names if f"`{name}`" not in page] == []
