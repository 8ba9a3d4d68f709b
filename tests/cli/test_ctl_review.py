"""`kwsctl review`: saved clips and near misses are listed, played, marked with one key, and kept within limits."""

import json
import os
import pty
import subprocess
import time
from pathlib import Path

import pytest
import soundfile

from testkit.commands import KWSCTL, clean_environment, run
from testkit.daemons import Plug, eventually, phrase, running
from testkit.tiny_model import silence, speak

NAMES = ("20260101T000000.000Z-1-stop.wav", "20260102T000000.000Z-m2-stop.wav", "20260103T000000.000Z-3-lights_on.wav")


@pytest.fixture
def clips(tmp_path: Path) -> Path:
    folder = tmp_path / "clips"
    folder.mkdir()
    for number, name in enumerate(NAMES):
        soundfile.write(folder / name, silence(0.5), 16_000)
        os.utime(folder / name, (time.time() - 86_400 * (10 - number),) * 2)
    (folder / "notes.txt").write_text("mine")
    return folder


def marks_of(folder: Path) -> dict[str, str]:
    found: dict[str, str] = json.loads((folder / ".marks.json").read_text())
    return found


def test_clips_are_listed_and_marked_without_a_terminal(clips: Path, tmp_path: Path) -> None:
    """1. A list. 2. Marks, and one deleted. 3. A list as JSON. 4. A clip that is not there; keys without a terminal."""
    listed = run(KWSCTL, "review", clips, "--list", home=tmp_path)
    assert listed.stdout.splitlines() == [f"{NAMES[0]}  stop  -", f"{NAMES[1]}  (stop)  -", f"{NAMES[2]}  lights_on  -"]
    done = run(KWSCTL, "review", clips, "--right", NAMES[0], "--delete", NAMES[2], "--wrong", NAMES[1], home=tmp_path)
    assert done.returncode == 0, done.stderr
    told = [json.loads(line) for line in run(KWSCTL, "review", clips, "--json", home=tmp_path).stdout.splitlines()]
    assert [(each["near_miss"], each["mark"]) for each in told] == [(False, "right"), (True, "wrong")]
    stranger = run(KWSCTL, "review", clips, "--right", "none.wav", home=tmp_path)
    assert (stranger.returncode, "no such clip" in stranger.stderr) == (1, True)
    keys = run(KWSCTL, "review", clips, home=tmp_path)
    assert (keys.returncode, "no terminal" in keys.stderr) == (1, True)


def test_one_key_marks_each(clips: Path, tmp_path: Path) -> None:
    """1. r, w, d on a terminal. Result: two marks, on disk and private, and one file less."""
    ours, theirs = pty.openpty()
    command = [KWSCTL, "review", str(clips), "--silent"]
    with subprocess.Popen(command, stdin=theirs, env=clean_environment(tmp_path), stdout=subprocess.PIPE) as asking:
        os.close(theirs)
        os.write(ours, b"rwd")
        assert asking.wait(30) == 0
    os.close(ours)
    assert marks_of(clips) == {NAMES[0]: "right", NAMES[1]: "wrong"}
    assert not (clips / NAMES[2]).exists()
    assert (clips / ".marks.json").stat().st_mode & 0o777 == 0o600


def test_a_damaged_clip_stands_in_no_ones_way(clips: Path, tmp_path: Path) -> None:
    """1. The first cannot be read: said, and it can be deleted. 2. The next is asked about. 3. No clips: said."""
    (clips / NAMES[0]).write_bytes(b"RIFF")
    ours, theirs = pty.openpty()
    command = [KWSCTL, "review", str(clips)]
    pipe = subprocess.PIPE
    with subprocess.Popen(
        command, stdin=theirs, env=clean_environment(tmp_path), stdout=pipe, stderr=pipe, text=True
    ) as asking:
        os.close(theirs)
        os.write(ours, b"drq")
        _, told = asking.communicate(timeout=100)
    os.close(ours)
    assert (asking.returncode, f"{NAMES[0]} is not audio" in told) == (0, True), told
    assert not (clips / NAMES[0]).exists()
    assert marks_of(clips) == {NAMES[1]: "right"}
    (tmp_path / "none").mkdir()
    none = run(KWSCTL, "review", "none", home=tmp_path)
    assert (none.returncode, none.stdout, none.stderr) == (0, "no clips are saved there\n", "")


def test_what_is_too_old_or_too_much_goes(clips: Path, tmp_path: Path) -> None:
    run(KWSCTL, "review", clips, "--list", "--limit-days", "9.5", home=tmp_path)
    assert sorted(path.name for path in clips.glob("*.wav")) == [*NAMES[1:]]
    run(KWSCTL, "review", clips, "--list", "--limit-mb", "0.02", home=tmp_path)
    assert [path.name for path in clips.glob("*.wav")] == [NAMES[2]]
    assert (clips / "notes.txt").exists()


def test_what_is_wrong_is_named(tmp_path: Path) -> None:
    assert "give their folder" in run(KWSCTL, "review", home=tmp_path).stderr
    gone = run(KWSCTL, "review", "none", "--list", home=tmp_path)
    assert (gone.returncode, "none: cannot be read" in gone.stderr) == (1, True)
    (tmp_path / ".marks.json").write_text('{"a.wav": [], "b.wav": "maybe", "c.wav": null}')
    strange = run(KWSCTL, "review", ".", "--list", home=tmp_path)
    assert (strange.returncode, strange.stdout) == (0, ""), strange.stderr


def test_the_daemon_saves_near_misses_where_it_is_asked_to(tmp_path: Path, tiny_model_dir: Path) -> None:
    """1. A phrase that nothing reaches. Result: a clip that review lists as a near miss, private."""
    plug = Plug(tmp_path)
    plug.plug_in()
    clips = tmp_path / "saved"
    asked = {"KWSD_DAEMON_SAVE_NEAR_MISSES": "true"}
    with running(tmp_path, tiny_model_dir, "--save-detections", str(clips), environment=asked) as daemon:
        assert eventually(lambda: plug.is_open)
        assert daemon.ask(command="set_threshold", threshold=1.0)["ok"]
        plug.say(speak("LIGHT ON", lead_s=0.3, tail_s=1.5, noise=0.05))
        plug.say(phrase("TURN OFF"))
        assert eventually(lambda: list(clips.glob("*-m*.wav")), 15)
        (first, *_) = clips.glob("*-m*.wav")
        assert first.stat().st_mode & 0o777 == 0o600
        assert "(" in run(KWSCTL, "review", "--list", "--socket", daemon.socket_path, home=tmp_path).stdout
    plug.pull_out()
