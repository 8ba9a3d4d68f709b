"""Orders as text through the real daemon: by the model itself, by a program, and what is told of one that cannot."""

import json
import os
import shlex
import subprocess
import sys
import time
import tracemalloc
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

from kwsd.acoustic.model import Model
from kwsd.config.transcripts import Transcripts
from kwsd.daemon.order_texts import OrderTexts, transcribers_of
from kwsd.spotters.phrases import PhraseSpotter
from kwsd.stream import NO_SAMPLES, Chunk
from kwsd.transcripts.open import open_transcribers
from testkit.daemons import KWSD
from testkit.stand_in_asr import write_stand_in
from testkit.tiny_model import silence, speak

ORDER = np.concatenate([speak("HEY LIGHT"), speak("TURN OFF"), silence(2.5)])
LENGTH = "import sys, wave; print(wave.open(sys.stdin.buffer).getnframes())"


def told(
    directory: Path, model: Path, *flags: str, orders: int = 1, modules: Path | None = None, **settings: object
) -> list[dict[str, Any]]:
    """What the daemon prints of a file with orders; `settings` are those of [transcripts]; `modules` come first."""
    environment = {**os.environ, "PYTHONPATH": str(modules)} if modules else None
    (directory / "wake.toml").write_text('[[keyword]]\nphrase = "hey light"\nlisten = true\n')
    soundfile.write(directory / "said.wav", np.concatenate([silence(0.5), *[ORDER] * orders]), 16_000)
    lines = [f"{name} = {json.dumps(value)}" for name, value in settings.items()]
    (directory / "kwsd.toml").write_text("\n".join(["[transcripts]", *lines]))
    words = [
        "--config",
        "kwsd.toml",
        "--keywords",
        "wake.toml",
        "--model",
        model,
        "--input",
        "said.wav",
        "--json",
        *flags,
    ]
    command = [KWSD, *map(str, words), "--socket", str(directory / "s")]
    done = subprocess.run(
        command, cwd=directory, capture_output=True, text=True, check=False, timeout=60, env=environment
    )
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


def program(code: str) -> str:
    return shlex.join([sys.executable, "-c", code])


def test_the_model_writes_the_orders_itself(tmp_path: Path, tiny_model_dir: Path) -> None:
    """1. A keyword and an order in one breath, twice. Result: each order without its keyword, with stream times."""
    heard = told(tmp_path, tiny_model_dir, orders=2, transcriber="transducer")
    kinds = ["detection", "speech_end", "speech_start", "transcript"]
    assert sorted(each["type"] for each in heard) == sorted(kinds * 2)
    wakes = [each for each in heard if each["type"] == "detection"]
    texts = [each for each in heard if each["type"] == "transcript"]
    for wake, text in zip(wakes, texts, strict=True):
        assert (text["text"], text["keyword"], text["error"]) == ("TURN OFF", "hey light", None)
        assert text["since"] == wake["end"] <= text["start"] < text["end"]
        assert [word["text"] for word in text["words"]] == ["TURN", "OFF"]
        assert all(wake["end"] <= word["start"] < word["end"] <= text["end"] + 0.2 for word in text["words"])
        assert 0.9 < text["confidence"] <= 1


def test_a_text_is_told_behind_its_order_also_where_that_waits_for_a_file(tmp_path: Path, tiny_model_dir: Path) -> None:
    """1. Orders with a file and a text each, which is there first. Result: each `speech_end`, then its transcript."""
    heard = told(tmp_path, tiny_model_dir, "--save-orders", "said", orders=3, transcriber="transducer")
    for end in (each for each in heard if each["type"] == "speech_end"):
        assert Path(end["file"]).is_file()
        about = [each["type"] for each in heard if each.get("since") == end["since"]]
        assert about == ["speech_start", "speech_end", "transcript"]


def test_a_program_is_given_the_sound_of_the_order(tmp_path: Path, tiny_model_dir: Path) -> None:
    """From the keyword's end, or 0.2 s before the speech, until it was decided that it is over."""
    (text,) = [
        each
        for each in told(tmp_path, tiny_model_dir, transcriber="command", command=program(LENGTH))
        if each["type"] == "transcript"
    ]
    assert text["transcriber"] == "command"
    given_s = int(text["text"]) / 16_000
    assert text["end"] - text["start"] < given_s < text["end"] - text["start"] + 2.0
    assert text["latency_ms"] > 0


@pytest.mark.parametrize(
    ("code", "why"),
    [
        ("import time; time.sleep(60)", "wrote nothing within 0.5 s, and was ended"),
        ("import os; os.kill(os.getpid(), 9)", "exited with -9"),
        ("import os; os.write(1, b'\\xff\\xfe')", "wrote what is not UTF-8"),
        ("import os\nwhile True: os.write(1, bytes(65536))", "wrote more than 1 MiB"),
    ],
)
def test_one_that_hangs_dies_or_writes_rubbish_is_told_and_hearing_goes_on(
    tmp_path: Path, tiny_model_dir: Path, code: str, why: str
) -> None:
    """1. Two orders, of which neither can be written. Result: both keywords, and an error for each order in time."""
    began_s = time.monotonic()
    timeout_s = 0.5 if "nothing" in why else 15.0
    heard = told(tmp_path, tiny_model_dir, orders=2, transcriber="command", command=program(code), timeout_s=timeout_s)
    assert [each["type"] for each in heard].count("detection") == 2
    texts = [each for each in heard if each["type"] == "transcript"]
    assert [each["text"] for each in texts] == ["", ""]
    assert all(why in each["error"] for each in texts)
    assert time.monotonic() - began_s < 40


@pytest.mark.parametrize(
    ("how", "why"), [("", None), ("die", "died"), ("hang", "wrote nothing within 3 s, and was ended")]
)
def test_a_pipeline_in_a_process_of_its_own(tmp_path: Path, tiny_model_dir: Path, how: str, why: str | None) -> None:
    """1. Two orders, for the real worker with a library that stands in. Result: two keywords, two texts or errors."""
    write_stand_in(tmp_path / "modules", tmp_path / "whisper", how)
    settings = {"transcriber": "pipeline", "pipeline": str(tmp_path / "whisper"), "timeout_s": 3}
    heard = told(tmp_path, tiny_model_dir, orders=2, modules=tmp_path / "modules", **settings)
    assert [each["type"] for each in heard].count("detection") == 2
    texts = [each for each in heard if each["type"] == "transcript"]
    assert [why in each["error"] if why else "samples" in each["text"] for each in texts] == [True, True]


def test_who_is_muted_for_hours_keeps_nothing(tiny_model_dir: Path) -> None:
    """Chunks without samples, as a muted microphone gives every second to show that it could."""
    spotter = PhraseSpotter(Model.load(tiny_model_dir), ["LIGHT ON"])
    transcribers = transcribers_of(Transcripts(transcriber="transducer"), spotter)
    assert transcribers is not None
    texts = OrderTexts(transcribers, spotter, print, may_wait=False)
    tracemalloc.start()
    try:
        for _ in range(3 * 3600):
            texts.push(Chunk(16_000, NO_SAMPLES, ""), ())
        kept_bytes, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert kept_bytes < 20_000


def test_nobody_wants_texts(tmp_path: Path, tiny_model_dir: Path) -> None:
    kinds = [each["type"] for each in told(tmp_path, tiny_model_dir)]
    assert kinds == ["detection", "speech_start", "speech_end"]


def test_a_transcriber_that_nobody_switched_on_is_told_of(caplog: pytest.LogCaptureFixture) -> None:
    """1. `pipeline`, or `command`, is set, and `transcriber` forgotten. Result: no texts, and a line that says why."""
    for name, settings in (("pipeline", Transcripts(pipeline="x")), ("command", Transcripts(command="x"))):
        assert open_transcribers(settings, lambda: None) is None
        assert f'transcripts.{name}: does nothing while transcriber is off; set transcriber = "{name}"' in caplog.text
    caplog.clear()
    assert open_transcribers(Transcripts(), lambda: None) is None
    assert not caplog.text


@pytest.mark.parametrize(
    ("settings", "model", "why"),
    [
        ({"transcriber": "transducer"}, "kwsd-en", "transcripts.transcriber: kwsd-en hears phones"),
        ({"transcriber": "command"}, "", "transcripts.command: is to be set"),
        ({"transcriber": "command", "command": "no-such-program"}, "", "no such program"),
        ({"transcriber": "pipeline"}, "", "transcripts.pipeline: is to be set"),
        ({"transcriber": "whisper"}, "", "is not one of off, transducer, pipeline, command"),
        ({"timeout_s": 0}, "", "timeout_s"),
    ],
)
def test_what_cannot_be_is_refused_at_the_start(
    tmp_path: Path, tiny_model_dir: Path, settings: dict[str, object], model: str, why: str
) -> None:
    with pytest.raises(AssertionError, match=why):
        told(tmp_path, Path(model or tiny_model_dir), **settings)  # type: ignore[arg-type]
