"""What messages about settings, sound and the socket say to do is done, and then it works."""

import os
import re
import shutil
import stat
import subprocess
from collections.abc import Callable, Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import numpy as np
import pytest
import soundfile

from kwsd.config import load_settings
from kwsd.errors import ConfigError
from testkit.commands import KWSD, Completed, run

ROOT = Path(__file__).parents[2]
HEARD = "play some music"


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """A recording and a list."""
    shutil.copy(ROOT / "models" / "demo.wav", tmp_path / "one.wav")
    (tmp_path / "k.txt").write_text(f"{HEARD}\n")
    return tmp_path


@pytest.mark.parametrize(
    ("written", "mended"),
    [
        ('keyword = "k.txt"', lambda text, said: text.replace("keyword", meant(said))),
        ("[searches]\nboost = 1", lambda _, said: "[{}]\n{} = 1".format(*meant(said).split("."))),
        ("search = 5", lambda _, said: re.findall(r"write (\[\w+\])", said)[0] + "\nboost = 1.0"),
        ('[keywords]\nfile = "k.txt"', lambda _, said: re.findall(r"write (\w+ = )…", said)[0] + '"k.txt"'),
        ("keywords = k.txt", lambda _, said: re.findall(r"in quotes: (.*)$", said)[0]),
        ("keywords: k.txt", lambda _, said: re.findall(r"in quotes: (.*)$", said)[0]),
        ("[search]\nthreshold = 7", lambda text, said: text.replace("7", re.findall("at most (.*)", said)[0])),
    ],
)
def test_a_configuration_mended_as_its_message_says(
    tmp_path: Path, written: str, mended: Callable[[str, str], str]
) -> None:
    path = tmp_path / "c.toml"
    path.write_text(written)
    with pytest.raises(ConfigError) as told:
        load_settings({}, file=path, environ={})
    path.write_text(mended(written, str(told.value)))
    load_settings({}, file=path, environ={})


def meant(said: str) -> str:
    return said.partition("did you mean ")[2].partition("?")[0]


def test_a_mistyped_variable_is_told_and_those_of_hooks_and_scripts_are_not(caplog: pytest.LogCaptureFixture) -> None:
    others = {"KWSD_PYTHON": "x", "KWSD_KEYWORD": "stop", "KWSD_THRESHOLD": "0.4", "KWSD_TIMESTAMPS": "1", "PATH": "x"}
    load_settings({}, environ=others)
    assert not caplog.records
    load_settings({}, environ={"KWSD_SEARCH_TRESHOLD": "0.3"})
    (said,) = caplog.messages
    assert load_settings({}, environ={meant(said): "0.3"}).settings.search.threshold == 0.3


def shell(place: Path, line: str) -> Completed:
    """What somebody types, with our kwsd."""
    return run("sh", "-c", line, home=place, environ={"PATH": f"{Path(KWSD).parent}:/usr/bin:/bin"})


def refused(place: Path, line: str) -> str:
    done = shell(place, line)
    assert done.returncode in {1, 2, 78}, done
    return done.stderr.strip().splitlines()[-1]


def heard(place: Path, line: str) -> bool:
    done = shell(place, line)
    assert done.returncode == 0, done
    return HEARD in done.stdout


def test_sound_given_as_its_message_says(place: Path) -> None:
    """A directory, a pipe's name, a channel that is not there."""
    (place / "clips").mkdir()
    (place / "one.wav").rename(place / "clips" / "one.wav")
    said = refused(place, "kwsd --keywords k.txt --input clips")
    assert heard(place, f"kwsd --keywords k.txt --input {said.partition('give its files, ')[2]}")
    said = refused(place, "kwsd --keywords k.txt --input clips/one.wav --channel 2")
    assert said.endswith("leave --channel out")
    os.mkfifo(place / "pipe")
    said = refused(place, "kwsd --keywords k.txt --input pipe")
    assert "- for stdin" in said
    assert heard(place, "cat clips/one.wav | kwsd --keywords k.txt --input -")


def test_raw_sound_of_two_channels(place: Path) -> None:
    sound, _ = soundfile.read(place / "one.wav", dtype="int16")
    np.stack([np.zeros_like(sound), sound], axis=1).tofile(place / "two.s16")
    said = refused(place, "kwsd --keywords k.txt --channel 2 --input - < two.s16")
    assert heard(place, f"kwsd --keywords k.txt --channel 2 {re.findall('--raw [^ ]+', said)[0]} --input - < two.s16")


@pytest.fixture
def address(place: Path) -> Iterator[str]:
    """Of a server with the recording."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(SimpleHTTPRequestHandler, directory=str(place)))
    Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


@pytest.mark.skipif(not shutil.which("curl"), reason="there is no curl")
def test_an_address(place: Path, address: str) -> None:
    said = refused(place, f"kwsd --keywords k.txt --input {address}/one.wav")
    assert heard(place, re.findall("curl .*", said)[0].replace("…", "--keywords k.txt"))


def test_hooks(place: Path) -> None:
    """Not to be run, for a shell, no path."""
    (place / "hook").write_text("#!/bin/sh\ntouch ran\n")
    line = "kwsd --keywords k.txt --input one.wav --exec {}"
    said = refused(place, line.format("./hook"))
    assert heard(place, f"{re.findall('chmod .*', said)[0]} && {line.format('./hook')}")
    assert (place / "ran").exists()
    assert stat.S_IMODE((place / "hook").stat().st_mode) & 0o100
    said = refused(place, line.format("'echo heard > out.txt'"))
    shell_line = re.findall("write (sh -c .*)", said)[0]
    assert heard(place, line.format(subprocess.list2cmdline([shell_line])))
    assert (place / "out.txt").exists()


def test_a_flag_of_the_command_before_it(place: Path) -> None:
    said = refused(place, "kwsctl --socket none.sock status")
    mended = re.findall(r"command: (.*)", said)[0].replace("COMMAND", "status")
    assert "no daemon at none.sock" in refused(place, mended)
