"""`kwsctl transcribe` as a person runs it."""

import json
import subprocess
from pathlib import Path

import numpy as np
import pytest
import soundfile

from testkit.daemons import KWSCTL
from testkit.tiny_model import silence, speak


def transcribe(*words: object) -> "subprocess.CompletedProcess[str]":
    command = [KWSCTL, "transcribe", *map(str, words)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


@pytest.fixture
def recording(tmp_path: Path) -> Path:
    path = tmp_path / "note.wav"
    soundfile.write(path, np.concatenate([silence(0.5), speak("LIGHTS ON"), silence(0.5)]), 16_000)
    return path


def test_files_are_written_down_with_times(recording: Path, tiny_model_dir: Path) -> None:
    """1. As text. 2. As JSON, of two files. Result: words with times, and the files told apart."""
    done = transcribe(recording, "--model", tiny_model_dir)
    text, *words = done.stdout.splitlines()
    assert (done.returncode, text) == (0, "LIGHTS ON"), done.stderr
    assert [line.split()[-1] for line in words] == ["LIGHTS", "ON"]
    done = transcribe(recording, recording, "--json", "--model", tiny_model_dir)
    told = [json.loads(line) for line in done.stdout.splitlines()]
    assert [(one["source"], one["text"]) for one in told] == [(str(recording), "LIGHTS ON")] * 2
    assert [sorted(word) for word in told[0]["words"]] == [["confidence", "end", "start", "text"]] * 2


def test_a_model_of_phones_is_refused_before_any_sound(tmp_path: Path) -> None:
    done = transcribe(tmp_path / "missing.wav", "--model", "kwsd-en")
    assert done.returncode == 1
    assert "hears phones and cannot write words" in done.stderr
    assert "Traceback" not in done.stderr


def test_another_program_may_do_it(recording: Path) -> None:
    done = transcribe(recording, "--command", "echo hello there")
    assert (done.returncode, done.stdout) == (0, "hello there\n")
    done = transcribe(recording, "--command", "false")
    assert (done.returncode, done.stdout) == (1, "")
    assert "false: exited with 1" in done.stderr


@pytest.mark.parametrize("timeout", ["inf", "nan", "1e10", "0"])
def test_a_time_limit_that_is_none_is_refused(recording: Path, timeout: str) -> None:
    done = transcribe(recording, "--command", "echo hello", "--timeout", timeout)
    assert done.returncode == 2
    assert f"--timeout {float(timeout):g}: is not above 0 and at most 600" in done.stderr


def test_sound_without_a_header_and_one_channel_of_two(recording: Path, tiny_model_dir: Path) -> None:
    """1. Big-endian, of two channels of which the second speaks. 2. A format that is none."""
    sound, _ = soundfile.read(recording, dtype="int16")
    raw = recording.with_name("note.bin")
    raw.write_bytes(np.stack([np.zeros_like(sound), sound], axis=1).astype(">i2").tobytes())
    done = transcribe(raw, "--raw", "s16be:16000:2", "--channel", "2", "--model", tiny_model_dir)
    assert done.stdout.startswith("LIGHTS ON\n"), done
    wrong = transcribe(raw, "--raw", "s16:16000", "--model", tiny_model_dir)
    assert wrong.returncode == 2
    assert "s16:16000 is not SAMPLES[:HZ[:CHANNELS]], such as s16le:48000:2" in wrong.stderr


@pytest.mark.parametrize("command", [["transcribe", "--model", "{model}"], ["classify"]])
@pytest.mark.parametrize(("good", "code"), [(1, 3), (0, 1)])
def test_a_bad_file_is_told_and_the_others_are_read(
    recording: Path, tiny_model_dir: Path, command: list[str], good: int, code: int
) -> None:
    """1. What is no sound, what is not there, and a recording behind them. 2. The former alone."""
    rubbish, missing = recording.with_name("rubbish.flac"), recording.with_name("missing.flac")
    rubbish.write_bytes(b"fLaC" + bytes(1000))
    files = [rubbish, missing] + [recording] * good
    words = [each.format(model=tiny_model_dir) for each in command]
    done = subprocess.run([KWSCTL, *words, *files], capture_output=True, text=True, check=False)
    assert done.returncode == code, done
    assert (str(recording) in done.stdout) == bool(good)
    assert [str(each) in done.stderr for each in files] == [True, True, False][: len(files)]
    assert len(done.stderr.splitlines()) == 2


def test_it_is_told_of_which_file_a_program_makes_no_text(recording: Path) -> None:
    other = recording.with_name("other.wav")
    other.write_bytes(recording.read_bytes())
    done = transcribe(recording, other, "--command", "false")
    assert (done.returncode, done.stdout) == (1, "")
    for line, name in zip(done.stderr.splitlines(), (recording, other), strict=True):
        assert f"{name}: false: exited with 1" in line
