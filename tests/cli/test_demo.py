"""What a newcomer sees first: `scripts/run` without arguments, and the model that comes with kwsd."""

import json
import shutil
import subprocess
from pathlib import Path

import pytest

from kwsd.keywords.text_lines import read_lines
from kwsd.models.directory import DEFAULT_MODEL
from kwsd.models.install import verify
from testkit.commands import KWSCTL, KWSD, run
from training.zipformer.data.synthesis import HELD_OUT
from training.zipformer.demo import VOICES

ROOT = Path(__file__).parents[2]
MODEL = ROOT / "models" / DEFAULT_MODEL
LARGEST_BYTES = 8_000_000

with_the_model = pytest.mark.skipif(
    not any(MODEL.glob("encoder*.onnx")), reason=f"models/{DEFAULT_MODEL} has not been trained yet"
)


def phrases() -> list[str]:
    """In the order in which they are said."""
    lines = read_lines((ROOT / "keywords" / "demo.txt").read_bytes())
    return [entry.keyword.phrase for entry in lines if entry.keyword]


@pytest.mark.parametrize(
    ("devices", "expected"),
    [
        ("there is no microphone", "--keywords {root}/keywords/demo.txt --input {root}/models/demo.wav"),
        ("", "--keywords {root}/keywords/demo.txt --input {root}/models/demo.wav"),
        ("1  USB PnP Audio Device", "--keywords {root}/keywords/demo.txt"),
    ],
)
def test_run_without_arguments_takes_the_demo_where_there_is_no_microphone(
    tmp_path: Path, devices: str, expected: str
) -> None:
    """An empty answer is that of a machine without PortAudio."""
    assert run_script(tmp_path, devices) == expected.format(root=tmp_path)


def test_run_with_arguments_passes_them_on(tmp_path: Path) -> None:
    assert run_script(tmp_path, "there is no microphone", "--help", "a b") == "--help a b"


def run_script(root: Path, devices: str, *arguments: str) -> str:
    """What scripts/run calls kwsd with, in a checkout whose kwsd knows only its microphones."""
    for folder in ("scripts", "keywords", ".venv/bin"):
        (root / folder).mkdir(parents=True)
    shutil.copy(ROOT / "scripts" / "run", root / "scripts")
    shutil.copy(ROOT / "keywords" / "demo.txt", root / "keywords")
    executable(root / "scripts" / "environment", "true")
    executable(root / ".venv/bin/kwsd", f'if [ "$1" = --list-devices ]; then echo "{devices}"; else echo "$@"; fi')
    done = subprocess.run([root / "scripts" / "run", *arguments], capture_output=True, text=True, check=True)
    return done.stdout.strip()


def executable(path: Path, command: str) -> None:
    path.write_text(f"#!/bin/sh\n{command}\n")
    path.chmod(0o755)


def test_the_demo_is_spoken_by_voices_that_are_never_trained_on() -> None:
    assert set(VOICES) <= set(HELD_OUT)


@with_the_model
def test_the_phrases_of_the_demo_are_found(tmp_path: Path) -> None:
    """1. No --model. Result: every phrase once and in order, and nothing in the sentence between them."""
    demo = ("--keywords", ROOT / "keywords/demo.txt", "--input", ROOT / "models/demo.wav", "--json")
    done = run(KWSD, *demo, home=tmp_path)
    assert done.returncode == 0, done.stderr
    assert [json.loads(line)["phrase"] for line in done.stdout.splitlines()] == phrases()


@with_the_model
def test_the_model_is_what_its_description_says(tmp_path: Path) -> None:
    assert verify(MODEL) == []
    listed = run(KWSCTL, "models", "list", home=tmp_path).stdout
    assert listed.startswith(f"{DEFAULT_MODEL} ")
    assert "licence: " in listed
    assert "trained on " in listed


@with_the_model
def test_what_runs_of_the_model_is_small() -> None:
    left = {"encoder.int8.onnx", "encoder.onnx", "weights.pt"}  # for other engines and for training
    assert sum(path.stat().st_size for path in MODEL.iterdir() if path.name not in left) <= LARGEST_BYTES
