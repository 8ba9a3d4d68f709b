"""`kwsctl doctor` looks at everything, what is not well has a remedy, and the file for a bug report tells no names."""

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from kwsd.cli.bug_report import Redactor
from kwsd.cli.doctor import LOOKS
from testkit.commands import KWSCTL, Completed, run
from testkit.daemons import KWSD, running

AREAS = {"model", "microphone", "permissions", "units", "socket", "load", "clock"}


def doctor(home: Path, *arguments: object, **environ: str) -> Completed:
    return run(
        KWSCTL, "doctor", "--json", *arguments, home=home, environ={"XDG_STATE_HOME": str(home / "state")} | environ
    )


def findings(done: Completed) -> list[dict[str, str]]:
    return [json.loads(line) for line in done.stdout.splitlines()]


def of(done: Completed, area: str) -> list[dict[str, str]]:
    return [finding for finding in findings(done) if finding["area"] == area]


def test_every_area_is_looked_at(tmp_path: Path, tiny_model_dir: Path) -> None:
    assert {look.__name__.removeprefix("look_at_") for look in LOOKS} == AREAS | {"settings"}
    done = doctor(tmp_path, "--model", tiny_model_dir)
    assert {finding["area"] for finding in findings(done)} >= AREAS
    assert done.stderr == ""


def test_for_people_it_says_what_to_do(tmp_path: Path) -> None:
    done = run(KWSCTL, "doctor", "--model", "nosuch", home=tmp_path)
    assert done.returncode == 1
    assert "model       wrong: model nosuch is not installed" in done.stdout
    assert "            → kwsctl models list" in done.stdout


def test_settings_that_cannot_be_read_are_a_finding_too(tmp_path: Path) -> None:
    (tmp_path / "broken.toml").write_text("search = 3\n")
    done = doctor(tmp_path, "--config", "broken.toml", "--bundle", "b.json")
    assert done.returncode == 1
    assert of(done, "settings")[0]["verdict"] == "wrong"
    assert json.loads((tmp_path / "b.json").read_text())["findings"]


def test_a_keyword_file_is_read_and_its_problems_counted(tmp_path: Path, tiny_model_dir: Path) -> None:
    (tmp_path / "k.txt").write_text("light on\n" + "你好\n" * 50)
    done = doctor(tmp_path, "--model", tiny_model_dir, "--keywords", "k.txt")
    told = of(done, "keywords")
    assert len(told) == 12  # ten of them, how many more, and the sum
    assert "50 problems" in told[-1]["what"]
    (tmp_path / "k.txt").chmod(0o666)
    again = doctor(tmp_path, "--model", tiny_model_dir, "--keywords", "k.txt")
    assert "chmod o-w" in of(again, "permissions")[0]["remedy"]
    missing = doctor(tmp_path, "--model", tiny_model_dir, "--keywords", "nothing.txt")
    assert (missing.returncode, of(missing, "keywords")[0]["verdict"]) == (1, "wrong")


def test_a_daemon_is_asked(tmp_path: Path, tiny_model_dir: Path) -> None:
    """What it hears, that nothing is listened for, who is connected; a socket that nobody answers on, and why."""
    pipe: dict[str, Any] = {"program": (KWSD, "--input", "-"), "stdin": subprocess.PIPE}
    common = ("--model", tiny_model_dir, "--keywords", "keywords.txt", "--socket", "s")
    with running(tmp_path, tiny_model_dir, **pipe) as daemon:
        assert daemon.ask(command="set_keywords", keywords=[{"phrase": "LIGHT ON", "enabled": False}])["ok"]
        done = doctor(tmp_path, *common)
        assert "no keyword is switched on" in [each["what"] for each in of(done, "keywords") if each["remedy"]][-1]
        assert of(done, "socket")[-1]["verdict"] == "well"
        assert '"stdin"' in of(done, "microphone")[0]["what"] or '"-"' in of(done, "microphone")[0]["what"]
        daemon.process.kill()
        daemon.wait()
    done = doctor(tmp_path, *common)
    assert of(done, "socket")[0]["verdict"] == "wrong"
    assert "no daemon listens at s any more" in of(done, "socket")[0]["what"]


SECRETS = (
    "annabel",
    "annas-laptop",
    "broker.anna",
    "hunter2",
    "hey anna",
    "turn off",
    "anna's headset",
    "s3cret",
    "你好",
    "my lamp",
)


def test_the_bundle_holds_no_names_and_no_keywords(tmp_path: Path, tiny_model_dir: Path) -> None:
    home = tmp_path / "annabel"
    home.mkdir()
    (home / "k.txt").write_text("hey light\nturn off @my lamp\n你好\n")
    (home / "c.toml").write_text(
        'device = "anna\'s headset"\n[daemon]\nexec = "/usr/bin/true s3cret"\n[mqtt]\nusername = "annabel"\n'
        'uri = "mqtt://broker.anna.example"\n[web]\nnames = ["annas-laptop.lan"]\n'
        '[transcripts]\ntranscriber = "command"\ncommand = "/bin/cat hunter2"\n'
    )
    daemon_place = home / "d"
    daemon_place.mkdir()
    pipe: dict[str, Any] = {"program": (KWSD, "--input", "-"), "stdin": subprocess.PIPE}
    with running(daemon_place, tiny_model_dir, keywords="turn off @my lamp\n", **pipe) as daemon:
        assert daemon.ask(command="set_keywords", keywords=[{"phrase": "turn off", "name": "hey anna"}])["ok"]
        asked = ("--config", "c.toml", "--model", tiny_model_dir, "--keywords", "k.txt", "--socket", "d/s")
        for allowed in ((), ("--allow", "keywords"), ("--allow", "keywords", "names")):
            done = doctor(home, *asked, "--bundle", "b.json", *allowed, XDG_STATE_HOME=str(daemon_place / "state"))
            text = (home / "b.json").read_text()
            told = json.loads(text)
            found = {secret for secret in SECRETS if json.dumps(secret)[1:-1] in text.casefold()}
            assert not found & {"s3cret", "hunter2"}
            if not allowed:
                assert not found
            assert ("hey anna" in found) == bool(allowed)
            assert ("annabel" in found) == ("names" in allowed)
            assert told["status"]["uptime_s"] > 0
            assert {each["area"] for each in told["findings"]} >= AREAS
            assert "sound" in told["left_out"]
    assert (home / "b.json").stat().st_mode & 0o777 == 0o600
    assert done.stderr == ""


def test_a_link_in_its_place_is_not_followed(tmp_path: Path, tiny_model_dir: Path) -> None:
    (tmp_path / "precious").write_text("precious")
    (tmp_path / "b.json").symlink_to("precious")
    doctor(tmp_path, "--model", tiny_model_dir, "--bundle", "b.json")
    assert (tmp_path / "precious").read_text() == "precious"
    assert json.loads((tmp_path / "b.json").read_text())["machine"]["kwsd"]
    done = run(KWSCTL, "doctor", "--bundle", "nowhere/b.json", home=tmp_path)
    assert "cannot be written" in done.stderr
    assert done.returncode == 1


@pytest.mark.parametrize(
    ("line", "cleaned"),
    [
        ("the reason: on", "the reason: <keyword"),
        ('"whoever" said so', '"…" said so'),
        ("/home/anna/k.txt:3: LIGHTS ON is twice", "/home/<name"),
        ("ANNA_kitchen", "<name"),
    ],
)
def test_lines_of_a_log(line: str, cleaned: str) -> None:
    redactor = Redactor(["on", "lights on"], ["anna"], ())
    assert cleaned in redactor.clean_line(line)
    assert "anna" not in redactor.clean_line(line).casefold()
    assert "lights on" not in redactor.clean_line(line).casefold()
    assert Redactor(["on"], ["anna"], ("keywords", "names")).clean_line(line) == line
