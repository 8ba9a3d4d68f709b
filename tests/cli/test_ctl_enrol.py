"""`kwsctl enrol`: from files, and through the running daemon."""

import os
import pty
import re
import subprocess
from contextlib import ExitStack, suppress
from pathlib import Path
from threading import Timer

import numpy as np
import pytest
import soundfile

from kwsd.cli import connect, ctl_enrol
from kwsd.cli.kwsctl import main
from kwsd.cli.terminal import say
from testkit.commands import KWSCTL, KWSD, clean_environment, run
from testkit.daemons import DaemonProcess, Plug, eventually, running
from testkit.spoken import spoken, with_gaps
from testkit.tiny_model import speak


@pytest.fixture
def takes(tmp_path: Path) -> list[Path]:
    hiss = np.random.default_rng(1).normal(0, 3e-4, 12_000).astype(np.float32)
    paths = []
    for voice, speed in (("en-us", 150), ("en-gb", 140), ("en-us", 170)):
        paths.append(tmp_path / f"{voice}{speed}.wav")
        soundfile.write(paths[-1], np.concatenate([hiss, spoken("seersha", voice, speed), hiss]), 16_000)
    return paths


def test_from_files_spellings_and_a_threshold_are_written(tmp_path: Path, takes: list[Path]) -> None:
    """1. Three takes and a talk. 2. The same without writing. 3. A bad take is named, and two are too few."""
    soundfile.write(tmp_path / "talk.wav", with_gaps("what time is it", gap_s=0.5), 16_000)
    given = ("--keywords", "k.toml", "--work", "w", "--false-alarms", "2/h")
    tried = run(KWSCTL, "enrol", "saoirse", "--from", *takes, *given, "--dry-run", home=tmp_path)
    assert tried.returncode == 0, tried.stderr
    assert "/h, by what is usual for phrases of its length" in tried.stdout
    assert "no background was given" in tried.stdout
    assert not (tmp_path / "k.toml").exists()
    done = run(KWSCTL, "enrol", "saoirse", "--from", *takes, *given, "--background", "talk.wav", home=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "takes heard as it is:          0 of 3" in done.stdout
    assert 'spellings = ["/' in (tmp_path / "k.toml").read_text()
    soundfile.write(takes[0], np.zeros(16_000), 16_000)
    few = run(KWSCTL, "enrol", "saoirse", "--from", *takes, *given, home=tmp_path)
    assert few.returncode == 1
    assert f"{takes[0].name}: too quiet" in few.stderr
    assert "2 takes are fit to learn from, and 3 are needed" in few.stderr


def test_a_new_keyword_that_is_heard_as_it_is_spelt_is_added(tmp_path: Path, tiny_model_dir: Path) -> None:
    """1. It is not in the file, and nothing is worth changing about it: it is there afterwards. 2. Again: as it was."""
    (tmp_path / "k.toml").write_text('[[keyword]]\nphrase = "LIGHT ON" # its own\n')
    names = ["1.wav", "2.wav", "3.wav"]
    for name in names:
        soundfile.write(tmp_path / name, speak("TURN OFF", lead_s=0.5, tail_s=0.65), 16_000)
    given = ("--from", *names, "--keywords", "k.toml", "--model", tiny_model_dir, "--work", "w")
    done = run(KWSCTL, "enrol", "turn off", *given, home=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "takes heard as it is:          3 of 3" in done.stdout
    assert "written to k.toml; before: " in done.stdout
    added = '[[keyword]]\nphrase = "LIGHT ON" # its own\n[[keyword]]\nphrase = "turn off"\n'
    assert (tmp_path / "k.toml").read_text() == added
    again = run(KWSCTL, "enrol", "turn off", *given, home=tmp_path)
    assert "k.toml stays as it is" in again.stdout
    assert (tmp_path / "k.toml").read_text() == added


def test_a_keyword_that_was_changed_meanwhile_stays_so(
    tmp_path: Path, tiny_model_dir: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Somebody edits it, or teaches it in another window, while it is learnt here: theirs is not written over."""
    file = tmp_path / "k.toml"
    for number in range(3):
        soundfile.write(tmp_path / f"{number}.wav", speak("TURN OFF", lead_s=0.5, tail_s=0.65), 16_000)
    takes = [str(tmp_path / f"{number}.wav") for number in range(3)]
    theirs = '[[keyword]]\nphrase = "turn off"\nthreshold = 0.9 # of another window\n'

    def meanwhile(text: str) -> None:
        if "takes heard as it is" in text:
            file.write_text(theirs)

    monkeypatch.setattr(ctl_enrol, "say", meanwhile)
    given = ["--keywords", str(file), "--model", str(tiny_model_dir), "--work", str(tmp_path / "w")]
    assert main(["enrol", "turn off", "--from", *takes, *given]) == 78
    assert 'k.toml: "turn off" was changed meanwhile; nothing was written' in capsys.readouterr().err
    assert file.read_text() == theirs


def test_the_background_is_searched_with_a_bar(tmp_path: Path, takes: list[Path], tiny_model_dir: Path) -> None:
    """On a terminal: how much of it is done, from the first to the last, and when the rest will be."""
    soundfile.write(tmp_path / "talk.wav", np.tile(speak("TURN OFF", tail_s=1.0), 200), 16_000)
    terminal, stderr = pty.openpty()
    command = [KWSCTL, "enrol", "saoirse", "--from", *map(str, takes), "--keywords", "k.toml", "--dry-run"]
    command += ["--background", "talk.wav", "--model", str(tiny_model_dir)]
    environ = clean_environment(tmp_path, {"TERM": "xterm", "COLUMNS": "100"})
    process = subprocess.Popen(command, cwd=tmp_path, env=environ, stdout=subprocess.DEVNULL, stderr=stderr)
    os.close(stderr)
    shown = b""
    with suppress(OSError):  # as a terminal ends whose other end is closed
        while more := os.read(terminal, 4096):
            shown += more
    os.close(terminal)
    assert process.wait(60) == 0, shown
    steps = set(re.findall(rb"searching [^%]*?(\d+)%", shown))
    assert {b"0", b"100"} <= steps, shown  # what is between is shown ten times a second, and this may be over sooner


@pytest.mark.parametrize(
    ("arguments", "code", "complaint"),
    [
        (
            ("--from", "none.wav", "--keywords", "k.toml"),
            1,
            "none.wav does not exist: give an audio file (WAV, FLAC, OGG, Opus or MP3)\n",
        ),
        (("--from", "pipe", "--keywords", "k.toml"), 1, "pipe is not a regular file: give an audio file"),
        (("--from", "empty", "--keywords", "k.toml"), 1, "empty: has no recordings"),
        (("--from", "a.wav", "--keywords", "k.txt"), 78, "written to TOML only"),
        (("--from", "a.wav", "--keywords", "none/k.toml"), 78, "there is no folder none to write it in"),
        (("--takes", "9", "--keywords", "k.toml"), 2, "choose from 3 to 5"),
        (("--false-alarms", "often", "--keywords", "k.toml"), 2, "is no rate"),
        (("--socket", "none.sock", "--keywords", "k.toml"), 1, "no daemon at none.sock"),
    ],
)
def test_what_is_wrong_is_named(tmp_path: Path, arguments: tuple[str, ...], code: int, complaint: str) -> None:
    (tmp_path / "empty").mkdir()
    os.mkfifo(tmp_path / "pipe")
    done = run(KWSCTL, "enrol", "saoirse", *arguments, home=tmp_path)
    assert (done.returncode, complaint in done.stderr) == (code, True), done.stderr


def test_a_name_that_no_dictionary_and_no_alphabet_of_ours_has_is_learnt(tmp_path: Path) -> None:
    """1. Three takes of a Japanese greeting, by its own letters. 2. Another saying is told as that."""
    for number, speed in enumerate((140, 150, 165, 155)):
        hiss = np.random.default_rng(number).normal(0, 3e-4, 12_000).astype(np.float32)
        sound = np.concatenate([hiss, spoken("konnichiwa", speed=speed), hiss])
        soundfile.write(tmp_path / f"{number}.wav", sound, 16_000)
    done = run(
        KWSCTL, "enrol", "こんにちは", "--from", "0.wav", "1.wav", "2.wav", "--keywords", "k.toml", home=tmp_path
    )
    assert "takes heard with what is new:  3 of 3" in done.stdout, done.stderr
    heard = run(KWSD, "--keywords", "k.toml", "--input", "3.wav", home=tmp_path)
    assert "こんにちは" in heard.stdout


def test_takes_come_out_of_the_running_daemon(
    tmp_path: Path, tiny_model_dir: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Scenario, in which somebody speaks whenever the command asks for it.

    1. Nothing is said at the first prompt: refused, and asked for again. 2. Three takes: nothing is worth adding to the
    daemon's keyword file. 3. The daemon has gone: said so, nothing written.
    """
    plug, prompts = Plug(tmp_path), list[str]()

    def answer(text: str) -> None:
        say(text)
        if text.startswith("take "):
            prompts.append(text.partition(":")[0])
            if len(prompts) > 1:
                plug.say(speak("LIGHT ON", lead_s=0.5, tail_s=0.65))

    monkeypatch.setattr(ctl_enrol, "say", answer)
    plug.plug_in()
    given = ["--work", str(tmp_path / "w"), "--model", str(tiny_model_dir)]
    file, written = tmp_path / "k.toml", '[[keyword]]\nphrase = "LIGHT ON" # its own\n'
    file.write_text(written)
    with running(tmp_path, tiny_model_dir, "--clips", "--keywords", str(file)) as daemon:
        assert eventually(lambda: plug.is_open)
        given += ["--socket", str(daemon.socket_path), "--timeout", "20"]
        assert main(["enrol", "LIGHT ON", *given]) == 0
        told = capsys.readouterr()
        assert prompts == ["take 1 of 3", "take 1 of 3", "take 2 of 3", "take 3 of 3"]
        assert "too quiet" in told.err
        assert "dB over noise of" in told.out
        assert f"{file} stays as it is" in told.out
    assert main(["enrol", "LIGHT ON", *given, "--keywords", str(file)]) == 1
    assert file.read_text() == written
    plug.pull_out()


def test_takes_outlive_the_daemon(
    tmp_path: Path, tiny_model_dir: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Scenario, with the real daemon killed whenever somebody is to say take 2, until it was three times.

    1. Not started again: given up, what to do is said, the take is kept for its owner alone. 2. The same command goes
    on with it; another daemon comes, which keeps no sound: said, still kept. 3. Another comes, in the middle: all is
    learned from, and no sound stays behind.
    """
    plug, prompts, daemons = Plug(tmp_path), list[str](), list[DaemonProcess]()
    file = tmp_path / "k.toml"
    file.write_text('[[keyword]]\nphrase = "LIGHT ON"\n')
    given = ["--work", str(tmp_path / "w"), "--model", str(tiny_model_dir), "--keywords", str(file)]
    given += ["--socket", str(tmp_path / "s"), "--timeout", "20"]

    def start(*flags: str) -> None:
        daemons.append(stack.enter_context(running(tmp_path, tiny_model_dir, "--keywords", str(file), *flags)))
        assert eventually(lambda: plug.is_open, 20)

    def answer(text: str) -> None:
        say(text)
        if text.startswith("take "):
            prompts.append(text.partition(":")[0])
            if len(prompts) in {2, 3, 4}:
                daemons[-1].process.kill()
                if len(prompts) > 2:
                    Timer(1.0, start, ["--clips"] * (len(prompts) == 4)).start()
            else:
                plug.say(speak("LIGHT ON", lead_s=0.5, tail_s=0.65))

    monkeypatch.setattr(ctl_enrol, "say", answer)
    with plug, ExitStack() as stack:
        start("--clips")
        monkeypatch.setattr(connect, "PATIENCE_S", 1.0)
        assert main(["enrol", "LIGHT ON", *given]) == 1
        told = capsys.readouterr()
        assert "has ended; 1 of 3 takes are kept, and this goes on as soon as it listens" in told.err
        assert "1 of 3 takes are kept: the same command goes on with them" in told.err
        (kept,) = (tmp_path / "w").rglob("*.wav")
        assert [path.stat().st_mode & 0o077 for path in (kept, kept.parent)] == [0, 0]
        start("--clips")
        monkeypatch.setattr(connect, "PATIENCE_S", 60.0)
        assert main(["enrol", "LIGHT ON", *given]) == 1
        told = capsys.readouterr()
        assert "going on with 1 takes of the last hour" in told.out
        assert "to keep the last seconds of sound; 1 of 3 takes are kept: the same command goes on" in told.err
        daemons[-1].process.kill()
        start("--clips")
        assert main(["enrol", "LIGHT ON", *given]) == 0
        assert "takes heard as it is:          3 of 3" in capsys.readouterr().out
        assert prompts == [f"take {number} of 3" for number in (1, 2, 2, 2, 2, 3)]
        assert not list((tmp_path / "w").rglob("*.wav"))
