"""`kwsctl tune`: recordings in, a table, a picture and, if wanted, a keyword file out."""

import json
import signal
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
import soundfile

from kwsd import Keyword, Model
from kwsd.audio import open as opened
from kwsd.audio.file import FileSource
from kwsd.cli.kwsctl import main
from kwsd.tuning.hear import listen
from kwsd.tuning.kept import KeptFrames, hours_of
from testkit.commands import KWSCTL, WITHOUT_POWERS, clean_environment, run
from testkit.daemons import DaemonProcess, Plug, eventually, phrase, running
from testkit.tiny_model import silence, speak

KEYWORDS = '# mine\n[[keyword]]\nphrase = "stop" # at once\n\n[[keyword]]\nphrase = "lights on"\n'


@pytest.fixture
def home(tmp_path: Path) -> Path:
    (tmp_path / "k.toml").write_text(KEYWORDS)
    (tmp_path / "said" / "stop").mkdir(parents=True)
    for number in range(3):
        said = np.concatenate([silence(0.5), speak("STOP"), silence(0.2)])
        soundfile.write(tmp_path / "said" / "stop" / f"{number}.wav", said, 16_000)
    soundfile.write(tmp_path / "talk.wav", np.concatenate([speak("LIGHTS ON"), silence(3.0)]), 16_000)
    return tmp_path


def test_a_table_a_picture_and_the_file(home: Path, tiny_model_dir: Path) -> None:
    """1. Too little is said, with its exit code, and nothing written. 2. --write changes one line, with a backup."""
    given = (
        "tune",
        "said",
        "--background",
        "talk.wav",
        "--keywords",
        "k.toml",
        "--model",
        tiny_model_dir,
        "--work",
        "w",
    )
    shown = run(KWSCTL, *given, "--png", "c.png", "--false-alarms", "0.1/h", home=home)
    assert shown.returncode == 3, shown.stderr
    assert "stop: 3 recordings" in shown.stdout
    assert "too little to tell: 3 recordings" in shown.stdout
    assert "nothing is written without --write" in shown.stdout
    assert (home / "k.toml").read_text() == KEYWORDS
    assert (home / "c.png").read_bytes().startswith(b"\x89PNG")
    written = run(KWSCTL, *given, "--write", "--json", home=home)
    curve = json.loads(written.stdout)
    assert curve["now"]["recall"] == 1.0
    assert json.loads((home / "w" / "curves.jsonl").read_text()) == curve
    assert (home / "w" / "curves.jsonl").stat().st_mode & 0o777 == 0o600
    after = (home / "k.toml").read_text()
    assert after.replace(f"threshold = {curve['proposed']['threshold']}\n", "") == KEYWORDS
    assert (home / "k.toml.bak").read_text() == KEYWORDS


def test_background_is_gathered_from_the_microphone_as_frames_alone(
    home: Path, tiny_model_dir: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """1. --listen keeps frames, says so, and no sound. 2. With --keep-sound that too. 3. A sweep uses what was kept."""
    monkeypatch.chdir(home)
    monkeypatch.setattr(opened, "open_source", lambda *_given: FileSource(home / "talk.wav"))
    given = ["--keywords", "k.toml", "--model", str(tiny_model_dir), "--work", "w"]
    assert main(["tune", "--listen", "2s", *given[2:]]) == 0
    assert "encoder frames only, never sound" in capsys.readouterr().err
    assert [path.suffix for path in (home / "w").rglob("*") if path.is_file()] == [".frames"]
    assert main(["tune", "--listen", "2s", "--keep-sound", "room.wav", *given]) == 0
    assert (home / "room.wav").stat().st_mode & 0o777 == 0o600
    assert soundfile.info(home / "room.wav").duration == pytest.approx(2.0, abs=0.6)
    assert main(["tune", "said", "--json", *given]) == 3
    assert json.loads(capsys.readouterr().out)["hours"] > 0


@pytest.fixture
def room(tmp_path: Path, tiny_model_dir: Path) -> Iterator[tuple[Plug, DaemonProcess]]:
    """A daemon that keeps no sound, and its microphone."""
    plug = Plug(tmp_path)
    plug.plug_in()
    with running(tmp_path, tiny_model_dir) as daemon:
        assert eventually(lambda: plug.is_open)
        yield plug, daemon
    plug.pull_out()


def test_background_is_gathered_through_the_running_daemon(
    room: tuple[Plug, DaemonProcess], tmp_path: Path, tiny_model_dir: Path
) -> None:
    """Scenario, with a daemon that keeps no sound.

    1. The microphone is muted: said so, and waited for. 2. Five seconds, in which LIGHT ON is said: frames are kept and
    no sound, and the phrase is heard in them. 3. The daemon ends in the middle: said so, what had come is kept, and
    with the next daemon it goes on until the time is over.
    """
    plug, daemon = room
    model = Model.load(tiny_model_dir)
    command = [
        KWSCTL,
        "tune",
        "--listen",
        "5s",
        "--model",
        tiny_model_dir,
        "--work",
        "w",
        "--socket",
        daemon.socket_path,
    ]
    kept = KeptFrames(tmp_path / "w", model)
    daemon.ask(command="mute")
    with gathering(command, tmp_path) as process:
        assert eventually(
            lambda: "the daemon hears nothing now (muted); waiting" in (tmp_path / "told").read_text(), 20
        )
        daemon.ask(command="unmute")
        plug.say(phrase("LIGHT ON"))
        assert process.wait(30) == 0
    told = (tmp_path / "told").read_text()
    assert "listening by the running daemon" in told
    assert "encoder frames only, never sound" in told
    assert {path.suffix for path in (tmp_path / "w").rglob("*") if path.is_file()} == {".frames"}
    assert hours_of(kept.listened_to()) * 3600 == pytest.approx(5.0, abs=0.4)
    (heard,) = listen(model, [Keyword("LIGHT ON")], kept.read(kept.listened_to()))["LIGHT ON"]
    assert heard.score > 0.9
    with gathering(command, tmp_path) as process:
        assert eventually(lambda: list(kept.folder.glob("*.part")), 20)
        plug.say_all(silence(2.0))
        daemon.signal(signal.SIGTERM)
        goes_on = "has ended; 0.00 h are kept, and this goes on as soon as it listens"
        assert eventually(lambda: goes_on in (tmp_path / "told").read_text(), 20)
        with running(tmp_path, tiny_model_dir):
            assert eventually(lambda: (tmp_path / "told").read_text().count("listening by the running daemon") == 2, 20)
            plug.say_all(silence(6.0))
            assert process.wait(60) == 0
    assert hours_of(kept.listened_to()) * 3600 == pytest.approx(10.0, abs=1.0)
    assert not list(kept.folder.glob("*.part"))
    assert len(listen(model, [Keyword("LIGHT ON")], kept.read(kept.listened_to()))["LIGHT ON"]) == 1


def test_ctrl_c_keeps_what_was_gathered(room: tuple[Plug, DaemonProcess], tmp_path: Path, tiny_model_dir: Path) -> None:
    """1. Ctrl-C after two seconds: what came is kept, and how much is said. 2. A model that is not the daemon's."""
    plug, daemon = room
    given = ["--listen", "8h", "--work", "w", "--socket", daemon.socket_path]
    kept = KeptFrames(tmp_path / "w", Model.load(tiny_model_dir))
    with gathering([KWSCTL, "tune", *given, "--model", tiny_model_dir], tmp_path) as process:
        assert eventually(lambda: list(kept.folder.glob("*.part")), 20)
        plug.say_all(silence(2.0))
        process.send_signal(signal.SIGINT)
        assert process.wait(20) == 130
    assert hours_of(kept.listened_to()) * 3600 > 1.5
    assert "kept 0.00 h" in (tmp_path / "told").read_text()
    other = run(KWSCTL, "tune", *given, home=tmp_path)
    assert other.returncode == 1
    assert "the daemon hears with another model" in other.stderr


@contextmanager
def gathering(command: Sequence[object], home: Path) -> Iterator[subprocess.Popen[bytes]]:
    """A command under way, which writes to the file `told`."""
    with (home / "told").open("wb") as told:
        process = subprocess.Popen(list(map(str, command)), stderr=told, cwd=home, env=clean_environment(home))
        try:
            yield process
        finally:
            process.kill()
            process.wait()


@pytest.mark.parametrize(
    ("arguments", "code", "complaint"),
    [
        ((), 2, "nothing to tune by"),
        (("none",), 1, "none: cannot be read: No such file"),
        (("said", "--keywords", "none.toml"), 78, "none.toml"),
        (("said", "--listen", "soon"), 2, "is no time"),
        (("talk.wav",), 1, "talk.wav: is one recording; give the folder that is called as its keyword"),
        (("bytes",), 1, "bytes: is no manifest, for it is no text in UTF-8"),
        (("said", "--background", "none.wav"), 1, "none.wav does not exist"),
        (("said", "--png", "none/c.png"), 2, "there is no folder none"),
        (("said", "--work", "talk.wav"), 1, "cannot be made"),
    ],
)
def test_what_is_wrong_is_named_and_changes_nothing(
    home: Path, tiny_model_dir: Path, arguments: tuple[str, ...], code: int, complaint: str
) -> None:
    (home / "k.txt").write_text("stop\n")
    (home / "bytes").write_bytes(b"\xbc")
    given = ["--model", str(tiny_model_dir)]
    given += [] if "--keywords" in arguments else ["--keywords", "k.toml"]
    given += [] if "--work" in arguments else ["--work", "w"]
    done = run(KWSCTL, "tune", *arguments, *given, home=home)
    assert (done.returncode, complaint in done.stderr) == (code, True), done.stderr
    assert len(done.stderr.splitlines()) <= 8
    assert (home / "k.toml").read_text() == KEYWORDS


@pytest.mark.parametrize("given", [("tune", "said"), ("tune", "said/stop", "--background", "said"), ("enrol",)])
def test_a_folder_within_that_cannot_be_read_is_named(home: Path, tiny_model_dir: Path, given: tuple[str, ...]) -> None:
    """Passed over, its recordings would be missed by nobody."""
    locked = home / "said" / "locked"
    locked.mkdir(mode=0)
    files = ("stop", "--from", "said") if given == ("enrol",) else ()
    own = ("--keywords", "k.toml", "--model", tiny_model_dir, "--work", "w")
    done = run(*WITHOUT_POWERS, KWSCTL, *given, *files, *own, home=home)
    locked.chmod(0o700)
    assert (done.returncode, done.stdout) == (1, "")
    assert "said/locked: cannot be read: Permission denied" in done.stderr
    assert (home / "k.toml").read_text() == KEYWORDS
