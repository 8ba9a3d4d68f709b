"""`kwsd --input FILE|-` without a socket: orders behind keywords that listen, and their texts, are told there too."""

import json
import shlex
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

from testkit.daemons import KWSD, eventually
from testkit.tiny_model import silence, speak

ORDER = np.concatenate([speak("HEY LIGHT"), speak("TURN OFF"), silence(2.5)])
LISTENING = '[[keyword]]\nphrase = "hey light"\nlisten = true\n'
ALL = ["detection", "speech_start", "speech_end", "transcript"]


def program(code: str) -> str:
    return shlex.join([sys.executable, "-c", code])


def command(
    directory: Path, model: Path, *flags: str, orders: int = 1, keywords: str = LISTENING, **settings: object
) -> list[str]:
    """The command line for a file with orders; `settings` are those of [transcripts]."""
    (directory / "wake.toml").write_text(keywords)
    soundfile.write(directory / "said.wav", np.concatenate([silence(0.5), *[ORDER] * orders]), 16_000)
    lines = [f"{name} = {json.dumps(value)}" for name, value in settings.items()]
    (directory / "kwsd.toml").write_text("\n".join(["[transcripts]", *lines]))
    return [KWSD, "--config", "kwsd.toml", "--keywords", "wake.toml", "--model", str(model), *flags]


def done(directory: Path, line: list[str], **options: Any) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        line, cwd=directory, capture_output=True, text=True, check=True, timeout=60, **{"input": "", **options}
    )


def test_a_file_tells_orders_and_their_texts(tmp_path: Path, tiny_model_dir: Path) -> None:
    """The same two orders as JSON lines and for people; times are those of the file."""
    line = command(tmp_path, tiny_model_dir, "--input", "said.wav", orders=2, transcriber="transducer")
    told = [json.loads(each) for each in done(tmp_path, [*line, "--json"]).stdout.splitlines()]
    assert sorted(each["type"] for each in told) == sorted(ALL * 2)
    assert [each["text"] for each in told if each["type"] == "transcript"] == ["TURN OFF"] * 2
    assert all("seq" not in each and "time" not in each for each in told)
    for end, text in zip(*([each for each in told if each["type"] == kind] for kind in ALL[2:]), strict=True):
        assert (end["end"], end["since"]) == (text["end"], text["since"])
    lines = done(tmp_path, line).stdout
    for each in ("hey light", "speech begins", "speech ends", '"TURN OFF"'):
        assert lines.count(each) == 2, lines


def test_a_pipe_tells_a_text_before_more_sound_comes(tmp_path: Path, tiny_model_dir: Path) -> None:
    """1. An order comes by a pipe, which then stays open. Result: its text is told all the same."""
    line = command(tmp_path, tiny_model_dir, "--input", "-", "--json", transcriber="command", command="echo off")
    with subprocess.Popen(line, cwd=tmp_path, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as kwsd:
        assert kwsd.stdin
        assert kwsd.stdout
        kwsd.stdin.write((np.concatenate([silence(0.5), ORDER]) * 32767).astype("<i2").tobytes())
        kwsd.stdin.flush()
        told = [json.loads(kwsd.stdout.readline()) for _ in ALL]
        assert [each["type"] for each in told] == ALL
        assert told[-1]["text"] == "off"
        kwsd.stdin.close()
        assert kwsd.wait(20) == 0


@pytest.mark.parametrize("socket", [False, True])
def test_of_a_file_no_order_is_given_up_because_hearing_is_faster(
    tmp_path: Path, tiny_model_dir: Path, socket: bool
) -> None:
    """1. Six orders in a file, of which each text takes longer than all of them are heard in. Result: six texts."""
    slow = program("import time; time.sleep(0.5); print('on')")
    flags = ["--input", "said.wav", "--json", *(["--socket", str(tmp_path / "s")] if socket else [])]
    line = command(tmp_path, tiny_model_dir, *flags, orders=6, transcriber="command", command=slow)
    told = [json.loads(each) for each in done(tmp_path, line).stdout.splitlines()]
    texts = [(each["text"], each["error"]) for each in told if each["type"] == "transcript"]
    assert texts == [("on", None)] * 6


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_program_that_hangs_ends_with_kwsd(tmp_path: Path, tiny_model_dir: Path, number: signal.Signals) -> None:
    """1. An order comes by a pipe, for a program that hangs. 2. Ctrl-C, or SIGTERM. Result: soon both are over."""

    def heed() -> None:
        signal.signal(number, signal.SIG_DFL)  # what a shell begins in the background ignores SIGINT

    hangs = program(f"import os, time; open({str(tmp_path / 'pid')!r}, 'w').write(str(os.getpid())); time.sleep(60)")
    line = command(tmp_path, tiny_model_dir, "--input", "-", transcriber="command", command=hangs)
    with subprocess.Popen(
        line,
        cwd=tmp_path,
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        preexec_fn=heed,  # noqa: PLW1509
    ) as kwsd:
        assert kwsd.stdin
        kwsd.stdin.write((np.concatenate([silence(0.5), ORDER]) * 32767).astype("<i2").tobytes())
        kwsd.stdin.flush()
        assert eventually(lambda: (tmp_path / "pid").exists() and (tmp_path / "pid").read_text() != "")
        began_s = time.monotonic()
        kwsd.send_signal(number)
        assert eventually(lambda: kwsd.poll() is not None)
        assert time.monotonic() - began_s < 5
        assert kwsd.returncode
    pid = (tmp_path / "pid").read_text()
    assert eventually(lambda: not Path(f"/proc/{pid}").exists())


def test_who_wants_texts_and_has_no_keyword_that_listens_is_told_so(tmp_path: Path, tiny_model_dir: Path) -> None:
    line = command(
        tmp_path,
        tiny_model_dir,
        "--input",
        "said.wav",
        keywords='[[keyword]]\nphrase = "hey light"\n',
        transcriber="transducer",
    )
    ended = done(tmp_path, line)
    assert "hey light" in ended.stdout
    assert ended.stderr.count("listen = true") == 1


def test_the_fixed_words_alone_say_that_they_listen_for_no_order(tmp_path: Path, tiny_model_dir: Path) -> None:
    keywords = '[[keyword]]\nphrase = "stop"\nlisten = true\n'
    line = command(tmp_path, tiny_model_dir, "--fallback", "only", "--input", "said.wav", keywords=keywords)
    assert "listen" in done(tmp_path, line).stderr
