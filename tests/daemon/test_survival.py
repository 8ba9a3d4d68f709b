"""What was asked for over the socket holds across restarts, however the daemon ended, until the file is the newer."""

import asyncio
import json
import os
import signal
import subprocess
import time
from pathlib import Path

import pytest

from kwsd.daemon.saved_state import Saved, StateFile, state_path
from kwsd.keywords.keyword import Keyword
from kwsd.keywords.watch_file import LOOK_S
from testkit.daemons import KWSD, Plug, eventually, phrase, running


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGKILL])
def test_a_muted_daemon_starts_muted(tmp_path: Path, tiny_model_dir: Path, plug: Plug, how: signal.Signals) -> None:
    """Scenario.

    1. It is muted, and ends. 2. It starts again: the microphone is not opened even once, and it says why.
    3. `unmute`, and another restart.

    Result: it hears.
    """
    with running(tmp_path, tiny_model_dir) as daemon:
        assert eventually(lambda: plug.is_open)
        assert daemon.ask(command="mute")["ok"]
        daemon.signal(how)
        daemon.wait()
    opened = plug.connections
    with running(tmp_path, tiny_model_dir) as daemon:
        time.sleep(0.5)
        assert daemon.ask(command="status")["data"]["state"] == "muted"
        assert plug.connections == opened
        assert any("muted" in line and "kwsctl unmute" in line for line in daemon.log)
        assert daemon.ask(command="unmute")["ok"]
        assert daemon.ask(command="status")["data"]["state"] != "muted"
        daemon.signal(how)
        daemon.wait()
    with running(tmp_path, tiny_model_dir):
        assert eventually(lambda: plug.is_open)


def test_keywords_and_thresholds_of_a_program_outlive_a_restart(tmp_path: Path, tiny_model_dir: Path) -> None:
    """Scenario.

    1. A program sets a list, then a threshold. The daemon ends. 2. It starts again: both hold; it says whose they are.
    3. The keyword file is touched: nothing changes. 4. `reload`: back to the file.

    Result: after another restart it is still the file.
    """
    keywords = [{"phrase": "LIGHT UP", "name": "up", "boost": 2.0}, "TURN OFF"]
    with running(tmp_path, tiny_model_dir) as daemon:
        assert daemon.ask(command="set_keywords", keywords=keywords)["ok"]
        assert daemon.ask(command="set_threshold", threshold=0.77, keyword="up")["ok"]
        daemon.signal(signal.SIGKILL)
        daemon.wait()
    with running(tmp_path, tiny_model_dir) as daemon:
        status = daemon.ask(command="status")["data"]
        assert (status["keywords"], status["keywords_from"]) == (["up", "TURN OFF"], "socket")
        (tmp_path / "keywords.txt").touch()
        time.sleep(1.5)
        assert daemon.ask(command="status")["data"]["keywords"] == ["up", "TURN OFF"]
        assert daemon.ask(command="reload")["data"]["keywords"] == ["LIGHT ON", "TURN OFF", "HEY LIGHT"]
        assert daemon.ask(command="status")["data"]["keywords_from"] == "file"
        daemon.signal(signal.SIGTERM)
        daemon.wait()
    with running(tmp_path, tiny_model_dir) as daemon:
        assert daemon.ask(command="status")["data"]["keywords_from"] == "file"


def test_a_threshold_alone_leaves_the_list_to_the_file(tmp_path: Path, tiny_model_dir: Path, plug: Plug) -> None:
    with running(tmp_path, tiny_model_dir) as daemon:
        assert daemon.ask(command="set_threshold", threshold=0.31)["ok"]
        assert daemon.ask(command="set_threshold", threshold=0.32, keyword="TURN OFF")["ok"]
        daemon.signal(signal.SIGTERM)
        daemon.wait()
    with running(tmp_path, tiny_model_dir) as daemon:
        client, _ = daemon.client()
        with client:
            assert eventually(lambda: plug.is_open)
            for text, threshold in (("LIGHT ON", 0.31), ("TURN OFF", 0.32)):
                plug.say(phrase(text))
                assert client.read_until("detection")["threshold"] == threshold


def test_of_file_and_socket_the_one_that_changed_last_holds(tmp_path: Path, tiny_model_dir: Path) -> None:
    """Scenario.

    1. A program sets a list; the file is changed while the daemon runs: the file holds.
    2. A program sets a list; the daemon ends; the file is changed; it starts: the file holds, and the log says so.
    """
    with running(tmp_path, tiny_model_dir) as daemon:
        client, _ = daemon.client()
        with client:
            assert client.ask(command="set_keywords", keywords=["LIGHT UP"])["ok"]
            (tmp_path / "keywords.txt").write_text("TURN OFF\n")
            assert client.read_until("reloaded")["keywords"] == ["LIGHT UP"]
            assert client.read_until("reloaded")["keywords"] == ["TURN OFF"]
            assert client.ask(command="set_keywords", keywords=["LIGHT UP"])["ok"]
        daemon.signal(signal.SIGTERM)
        daemon.wait()
    (tmp_path / "keywords.txt").write_text("LIGHT ON\n")
    with running(tmp_path, tiny_model_dir) as daemon:
        assert daemon.ask(command="status")["data"]["keywords"] == ["LIGHT ON"]
        assert any("the file is in force" in line for line in daemon.log)


def test_what_a_program_sets_right_after_the_file_was_changed_is_the_later(
    tmp_path: Path, tiny_model_dir: Path
) -> None:
    """Scenario.

    1. The file is changed, which the daemon sees within a second; before it does a program sets a list, which holds.
    2. The same with a threshold: the file's new list, with that.
    3. The file is changed, and what a program sets at once is refused: the file comes into force.
    """
    with running(tmp_path, tiny_model_dir) as daemon:
        client, _ = daemon.client()
        with client:
            assert client.ask(command="set_keywords", keywords=["LIGHT ON"])["ok"]  # the first command takes longest
            (tmp_path / "keywords.txt").write_text("TURN OFF\n")
            assert client.ask(command="set_keywords", keywords=["LIGHT UP"])["ok"]
            time.sleep(4 * LOOK_S)
            assert client.ask(command="status")["data"]["keywords"] == ["LIGHT UP"]
            assert client.ask(command="reload")["ok"]
            (tmp_path / "keywords.txt").write_text("TURN OFF\nLIGHT ON\n")
            assert client.ask(command="set_threshold", threshold=0.9)["ok"]
            time.sleep(4 * LOOK_S)
            status = client.ask(command="status")["data"]
            assert status["thresholds"] == {"TURN OFF": 0.9, "LIGHT ON": 0.9}
            (tmp_path / "keywords.txt").write_text("HEY LIGHT\n")
            assert not client.ask(command="set_keywords", keywords=["\u4f60"])["ok"]
            assert eventually(lambda: client.ask(command="status")["data"]["keywords"] == ["HEY LIGHT"])


def test_a_file_that_is_changed_while_kwsd_starts_comes_into_force(tmp_path: Path, tiny_model_dir: Path) -> None:
    """It is changed as soon as the log names a wrong line of it: it has been read, and is not yet watched."""
    keywords = "LIGHT UP\n\u4f60\n"
    with running(tmp_path, tiny_model_dir, keywords=keywords, wait=False) as daemon:
        assert eventually(lambda: any("keywords.txt:2: " in line for line in daemon.log), 20)
        (tmp_path / "keywords.txt").write_text("TURN OFF\n")
        assert eventually(daemon.socket_path.exists)
        assert eventually(lambda: daemon.ask(command="status")["data"]["keywords"] == ["TURN OFF"], 4)


def test_a_list_that_the_model_no_longer_takes_does_not_keep_it_from_starting(
    tmp_path: Path, tiny_model_dir: Path
) -> None:
    with running(tmp_path, tiny_model_dir) as daemon:
        assert daemon.ask(command="set_keywords", keywords=["LIGHT UP"])["ok"]
        daemon.signal(signal.SIGTERM)
        daemon.wait()
    (saved,) = (tmp_path / "state" / "kwsd").glob("state-*.json")
    saved.write_text(saved.read_text().replace("LIGHT UP", "\\u4f60"))
    with running(tmp_path, tiny_model_dir) as daemon:
        assert daemon.ask(command="status")["data"]["keywords"] == ["LIGHT ON", "TURN OFF", "HEY LIGHT"]
        assert daemon.ask(command="status")["data"]["keywords_from"] == "file"
        assert any("cannot be heard now" in line for line in daemon.log)


def test_a_list_waits_for_its_model(tmp_path: Path, tiny_model_dir: Path, plug: Plug) -> None:
    """Scenario.

    1. A program sets a phrase. 2. At the next start the model is not there: the fixed words stand in, the list cannot
       be heard. 3. The model comes.

    Result: the program's list is in force, as if nothing had been.
    """
    again = ("--fallback", "auto")
    (tmp_path / "m").symlink_to(tiny_model_dir)
    with running(tmp_path, tmp_path / "m", *again, keywords="LIGHT ON\nyes\n") as daemon:
        assert daemon.ask(command="set_keywords", keywords=["LIGHT UP"])["ok"]
        daemon.signal(signal.SIGTERM)
        daemon.wait()
    (tmp_path / "m").unlink()
    with running(tmp_path, tmp_path / "m", *again, environment={"TEST_RETRY_S": "1"}) as daemon:
        assert eventually(lambda: plug.is_open)
        client, hello = daemon.client()
        with client:
            assert hello["keywords"] == ["yes"]
            (tmp_path / "m").symlink_to(tiny_model_dir)
            assert client.read_until("reloaded")["keywords"] == ["LIGHT UP"]
            assert daemon.ask(command="status")["data"]["keywords_from"] == "socket"


def test_without_a_file_reload_returns_to_all_the_fixed_words(tmp_path: Path) -> None:
    fixed = tmp_path / "fixed"
    fixed.write_text(f'#!/bin/sh\nexec {KWSD} --fallback only --input - --socket "{tmp_path}/s"\n')
    fixed.chmod(0o755)
    with running(tmp_path, tmp_path, program=(str(fixed),), stdin=subprocess.PIPE) as daemon:
        assert daemon.ask(command="set_keywords", keywords=["yes"])["ok"]
        daemon.signal(signal.SIGKILL)
        daemon.wait()
    with running(tmp_path, tmp_path, program=(str(fixed),), stdin=subprocess.PIPE) as daemon:
        assert daemon.ask(command="status")["data"]["keywords"] == ["yes"]
        assert len(daemon.ask(command="reload")["data"]["keywords"]) == 10


@pytest.mark.parametrize(
    "content", ["", "[]", "{}", "null", "[" * 100_000, '{"muted": 1, "keywords": 7}', "\x00" * 100]
)
def test_a_file_that_is_not_ours_is_passed_over(tmp_path: Path, content: str, caplog: pytest.LogCaptureFixture) -> None:
    (tmp_path / "state").write_text(content)
    assert StateFile(tmp_path / "state").now == Saved()
    assert "is not what kwsd writes" in caplog.text


@pytest.mark.parametrize("kind", ["link", "pipe", "directory", "huge"])
def test_what_stands_in_its_place_is_neither_followed_nor_waited_for(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "state"
    match kind:
        case "link":
            (tmp_path / "elsewhere").write_text(json.dumps({"muted": True, "keywords": None, "thresholds": {}}))
            path.symlink_to("elsewhere")
        case "pipe":
            os.mkfifo(path)
        case "directory":
            path.mkdir()
        case "huge":
            with path.open("wb") as hole:
                hole.truncate(1 << 34)
    assert StateFile(path).now == Saved()


def test_it_is_private_and_written_whole(tmp_path: Path) -> None:
    path = tmp_path / "new" / "state"
    saved = Saved(muted=True, keywords=(Keyword("lights on", boost=1.0),), thresholds={"": 0.5}, file_digest="d")
    asyncio.run(StateFile(path).change(**{name: getattr(saved, name) for name in saved.__slots__}))
    assert StateFile(path).now == saved
    assert path.stat().st_mode & 0o777 == 0o600
    assert path.parent.stat().st_mode & 0o777 == 0o700
    assert list(path.parent.iterdir()) == [path]


def test_a_disk_that_does_not_take_it_is_said_once(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    (tmp_path / "file").touch()
    state = StateFile(tmp_path / "file" / "state")
    for muted in (True, False, True):
        asyncio.run(state.change(muted=muted))
    assert state.now.muted
    assert caplog.text.count("cannot be written") == 1


def test_two_daemons_have_two_states(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STATE_DIRECTORY", "/var/lib/kwsd:/var/lib/other")
    assert state_path(Path("/run/a")) != state_path(Path("/run/b"))
    assert str(state_path(Path("/run/a"))).startswith("/var/lib/kwsd/state-")
