"""What the pages say they print: every `console` block is run, and its output compared.

Words must be the same; numbers may be a little off, for they are measured. A block that begins with kwsctl is run
against a daemon with the tiny model and a microphone that says its first keyword.
"""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import pytest

from testkit.commands import clean_environment
from testkit.daemons import Plug, eventually, phrase, running

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", ROOT / "keywords" / "README.md", *sorted(ROOT.glob("docs/**/*.md"))]
Done = subprocess.CompletedProcess[str]
BLOCK = re.compile(r"^```console\n(.*?)^```", re.MULTILINE | re.DOTALL)
FILE = re.compile(r"^```(?:yaml|toml)\n# ([\w-]+\.\w+)\n(.*?)^```", re.MULTILINE | re.DOTALL)
"""One that a page shows with its name: it lies where the page's commands are run."""
MARKED = re.compile(r"<!-- not run: [^\n]+ -->\n *```sh\n.*?^ *```$", re.MULTILINE | re.DOTALL)
UNTRIED = re.compile(r"^ *```(?:sh|bash|shell)$|^    (?:\$|kwsd|kwsctl|kwsd-\w+) .*", re.MULTILINE)
NUMBER = re.compile(r"\d+(?:\.\d+)?")
NEEDS = {"jq": "jq", "socat": "socat", "examples/try_list.py": "flite"}
"""Word of a command → the program that it needs."""
ENDLESS = ("kwsctl listen", "kwsctl trace", "socat - ")
"""They print until they are ended."""
ENDED = 124  # as `timeout` says
CLOCK = re.compile(r"^\d\d:\d\d:\d\d +")
SAID = "LIGHT ON\nTURN OFF\nHEY LIGHT"
"""What the daemon of the pages listens for."""


@dataclass(frozen=True)
class Step:
    """A command and what the page shows of its output."""

    command: str
    shown: list[str]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_a_command_is_run_or_says_why_not(page: Path) -> None:
    """A command stands in a `console` block, or in a `sh` block behind `<!-- not run: REASON -->`."""
    text = page.read_text(encoding="utf-8")
    fenced = re.compile(r"^```(?!sh|bash|shell).*?^```$", re.MULTILINE | re.DOTALL)
    assert not UNTRIED.findall(fenced.sub("", MARKED.sub("", text)))


def steps_of(block: str) -> list[Step]:
    """The commands of a block, each with the lines below it."""
    steps: list[Step] = []
    for line in block.splitlines():
        if line.startswith("$ "):
            steps.append(Step(line.removeprefix("$ "), []))
        else:
            steps[-1].shown.append(line)
    return steps


def blocks() -> Iterator[object]:
    """Every block, named by its page and first command."""
    for page in PAGES:
        for block in BLOCK.findall(page.read_text(encoding="utf-8")):
            steps = steps_of(block)
            yield pytest.param(steps, page, id=f"{page.relative_to(ROOT)}:{steps[0].command}")


def assert_alike(printed: list[str], shown: list[str]) -> None:
    """The same words, and numbers that are near."""
    assert [NUMBER.sub("N", line).split() for line in printed] == [NUMBER.sub("N", line).split() for line in shown]
    for own, other in zip(printed, shown, strict=True):
        numbers = zip(map(float, NUMBER.findall(own)), map(float, NUMBER.findall(other)), strict=True)
        assert all(abs(mine - theirs) <= 0.1 + abs(theirs) / 10 for mine, theirs in numbers), f"{own} is not {other}"


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    """A folder like a fresh clone, whose environment is that of the tests."""
    folder = tmp_path / "clone"
    folder.mkdir()
    for path in ROOT.iterdir():
        if not path.name.startswith("."):
            (folder / path.name).symlink_to(path)
    (folder / ".venv").symlink_to(Path(sys.executable).parents[1])
    return folder


@pytest.mark.parametrize(("steps", "page"), list(blocks()))
def test_a_block_prints_what_it_shows(
    steps: list[Step], page: Path, clone: Path, tmp_path: Path, tiny_model_dir: Path
) -> None:
    for name, content in FILE.findall(page.read_text(encoding="utf-8")):
        if not (clone / name).exists():  # else it is the repository's
            (clone / name).write_text(content, encoding="utf-8")
    told = " ".join(step.command for step in steps)
    missing = [program for word, program in NEEDS.items() if word in told.split() and not shutil.which(program)]
    if missing:
        pytest.skip(f"needs {missing[0]}")
    if "socat" in told or steps[0].command.startswith("kwsctl"):
        plug = Plug(tmp_path)
        plug.plug_in()
        (tmp_path / "kwsd").mkdir()
        (tmp_path / "kwsd" / "kwsd.sock").symlink_to(tmp_path / "s")
        with running(tmp_path, tiny_model_dir, keywords=SAID) as daemon:
            plug.say_all(phrase("LIGHT ON"))
            assert eventually(lambda: daemon.ask(command="status")["data"]["detections"] == 1)
            for step in steps:
                compare_shape(step, clone, {"XDG_RUNTIME_DIR": str(tmp_path)})
        plug.pull_out()
    elif re.match(r"(\.venv/bin/)?kwsd(?!.*--input)", steps[0].command):
        pytest.skip("needs a microphone")
    else:
        assert_printed(steps, clone)


def assert_printed(steps: list[Step], clone: Path) -> None:
    """Each step prints what the page shows below it; what a step leaves running is ended with the block."""
    groups = []
    try:
        for step in steps:
            done, group = carried_out(step.command, clone, {})
            groups.append(group)
            assert done.returncode == 0, done.stderr
            assert_alike(done.stdout.splitlines(), step.shown)
    finally:
        for group in groups:
            with suppress(ProcessLookupError):
                os.killpg(group, signal.SIGTERM)


def compare_shape(step: Step, clone: Path, environment: dict[str, str]) -> None:
    """A daemon tells something else each time, but lines begin with the same word, and records have the same keys."""
    done, _ = carried_out(step.command, clone, environment)
    assert done.returncode in (0, ENDED), done.stderr
    printed = done.stdout.splitlines()
    assert step.command.startswith(ENDLESS) or len(printed) == len(step.shown), done.stdout
    for own, other in zip(printed, step.shown, strict=False):
        assert beginning(own) == beginning(other)


def beginning(line: str) -> object:
    """What two lines of one kind have in common."""
    return set(json.loads(line)) if line.startswith("{") else CLOCK.sub("", line).split()[0]


def carried_out(command: str, clone: Path, environment: dict[str, str]) -> tuple[Done, int]:
    """The command as a person types it into a shell, in the clone; what does not end is ended; and its group."""
    environ = clean_environment(clone, environment)
    environ["PATH"] = f"{clone / '.venv' / 'bin'}:{environ['PATH']}"
    endless = command.startswith(ENDLESS)
    limited = ["timeout", "1.5" if endless else "60", "sh", "-c", command]
    with subprocess.Popen(
        limited,
        stdin=subprocess.DEVNULL,
        cwd=clone,
        env=environ,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        process_group=0,
    ) as process:
        out, errors = process.communicate()
    return Done(limited, process.returncode, out, errors), process.pid
