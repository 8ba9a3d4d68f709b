"""`kwsctl tune`: recordings in, a table, a picture and, if wanted, a keyword file out."""

import json
from pathlib import Path

import numpy as np
import pytest
import soundfile

from kwsd.audio import open as opened
from kwsd.audio.file import FileSource
from kwsd.cli.kwsctl import main
from testkit.commands import KWSCTL, run
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


@pytest.mark.parametrize(
    ("arguments", "code", "complaint"),
    [
        ((), 2, "nothing to tune by"),
        (("none",), 1, "none: cannot be read: No such file"),
        (("said", "--keywords", "none.toml"), 78, "none.toml"),
        (("said", "--listen", "soon"), 2, "is no time"),
        (("talk.wav",), 1, "talk.wav: cannot be read"),
        (("said", "--background", "none.wav"), 1, "none.wav does not exist"),
        (("said", "--png", "none/c.png"), 1, "none"),
        (("said", "--work", "talk.wav"), 1, "cannot be made"),
    ],
)
def test_what_is_wrong_is_named_and_changes_nothing(
    home: Path, tiny_model_dir: Path, arguments: tuple[str, ...], code: int, complaint: str
) -> None:
    (home / "k.txt").write_text("stop\n")
    given = ["--model", str(tiny_model_dir)]
    given += [] if "--keywords" in arguments else ["--keywords", "k.toml"]
    given += [] if "--work" in arguments else ["--work", "w"]
    done = run(KWSCTL, "tune", *arguments, *given, home=home)
    assert (done.returncode, complaint in done.stderr) == (code, True), done.stderr
    assert len(done.stderr.splitlines()) <= 8
    assert (home / "k.toml").read_text() == KEYWORDS
