"""The fixed commands in the real daemon: a microphone, a socket, a model that is not there."""

import shutil
from pathlib import Path

from testkit.daemons import Plug, eventually, phrase, running
from testkit.spoken import with_gaps


def test_auto_says_that_it_stands_in_and_hears(tmp_path: Path, plug: Plug) -> None:
    """Scenario.

    1. The open-vocabulary model is missing; the daemon starts all the same.
    2. "yes" is said.

    Result: one detection, by the fixed set's engine, under the name that the keyword file gives it. The log says who
    hears, and whoever connects is told `degraded`.
    """
    with running(tmp_path, tmp_path / "nowhere", "--fallback", "auto", keywords="lamp\nyes @agree\n") as daemon:
        client, hello = daemon.client()
        with client:
            assert hello["model"] == "ds-cnn"
            assert eventually(lambda: plug.is_open)
            plug.say_all(with_gaps("yes", gap_s=0.7))
            heard = client.read_until("detection")
            assert (heard["keyword"], heard["phrase"], heard["engine"]) == ("agree", "yes", "ds-cnn")
        assert any("only the fixed commands are heard" in line for line in daemon.log)
        later, standing = daemon.client()
        with later:
            assert standing["degraded"]


def test_auto_says_what_it_hears_instead_of_keywords_that_need_the_model(tmp_path: Path, plug: Plug) -> None:
    """Scenario.

    1. The open-vocabulary model is missing. 2. The keyword file holds no phrase of the fixed set.

    Result: the daemon starts; the log says why not one keyword of the file is heard, and which words are.
    """
    del plug
    with running(tmp_path, tmp_path / "nowhere", "--fallback", "auto", keywords="lamp\n:0.5\n") as daemon:
        assert eventually(lambda: any("until there is a model these are heard: yes, no" in line for line in daemon.log))
        assert any("keywords.txt" in line for line in daemon.log)


def test_the_model_comes_after_all(tmp_path: Path, tiny_model_dir: Path, plug: Plug) -> None:
    """Scenario.

    1. The open-vocabulary model is missing at the start. 2. It is put in its place.

    Result: `loaded`, `degraded` ends, `reloaded` tells all keywords; so does `hello`, with the name of the model; a
    command that changes the keywords finds them all, and a phrase is heard that the fixed set does not know.
    """
    retry = {"TEST_RETRY_S": "1"}
    words = "light on\nyes\n"
    with running(tmp_path, tmp_path / "m", "--fallback", "auto", keywords=words, environment=retry) as daemon:
        client, hello = daemon.client()
        with client:
            assert (hello["model"], hello["keywords"]) == ("ds-cnn", ["yes"])
            shutil.copytree(tiny_model_dir, tmp_path / "coming")
            (tmp_path / "coming").rename(tmp_path / "m")
            assert client.read_until("loaded")["model"] == "m + ds-cnn"
            assert not client.read_until("degraded")["active"]
            assert client.read_until("reloaded")["keywords"] == ["light on", "yes"]
            assert client.ask(command="set_threshold", threshold=0.2)["data"]["keywords"] == ["light on", "yes"]
            plug.say_all(phrase("LIGHT ON"))
            assert client.read_until("detection")["keyword"] == "light on"
        later, standing = daemon.client()
        with later:
            assert standing["model"] == "m + ds-cnn"
            assert standing["keywords"] == ["light on", "yes"]
            assert not standing["degraded"]


def test_what_a_program_sets_while_there_is_no_model_holds_when_it_comes(
    tmp_path: Path, tiny_model_dir: Path, plug: Plug
) -> None:
    """Scenario.

    1. The fixed words stand in; a program sets a keyword and a threshold. 2. The model comes.

    Result: the program's keyword is in force, with its threshold, and not the file's.
    """
    retry = {"TEST_RETRY_S": "1"}
    with running(
        tmp_path, tmp_path / "m", "--fallback", "auto", keywords="light on\nyes\n", environment=retry
    ) as daemon:
        client, _ = daemon.client()
        with client:
            assert client.ask(command="set_keywords", keywords=["yes"])["ok"]
            assert client.ask(command="set_threshold", threshold=0.9)["ok"]
            shutil.copytree(tiny_model_dir, tmp_path / "coming")
            (tmp_path / "coming").rename(tmp_path / "m")
            assert eventually(lambda: plug.is_open)
            client.read_until("loaded")
            assert client.read_until("reloaded")["keywords"] == ["yes"]
            status = client.ask(command="status")["data"]
            assert (status["keywords"], status["keywords_from"]) == (["yes"], "socket")
            assert status["model"] == "m + ds-cnn"


def test_a_file_for_the_model_alone_is_taken_before_it_comes(tmp_path: Path, tiny_model_dir: Path, plug: Plug) -> None:
    """Scenario.

    1. The fixed words stand in; a program sets one. 2. The file comes to have a phrase alone, and is reloaded. 3. It
    comes to have nothing. 4. The model comes.

    Result: 2. all ten stand in, as after a start with it, and the answer says what they cannot hear. 3. Refused: a file
    of nothing is a mistake for any model. 4. The phrase is in force: the reload gave up what the program set.
    """
    words = "light on\nyes\n"
    retry = {"TEST_RETRY_S": "1"}
    with running(tmp_path, tmp_path / "m", "--fallback", "auto", keywords=words, environment=retry) as daemon:
        client, _ = daemon.client()
        with client:
            assert eventually(lambda: plug.is_open)
            assert client.ask(command="set_keywords", keywords=["no"])["ok"]
            (tmp_path / "keywords.txt").write_text("light on\n")
            answer = client.ask(command="reload")
            assert answer["ok"], answer
            assert len(answer["data"]["keywords"]) == 10
            assert '"light on" is none of the fixed commands' in str(answer["data"]["problems"])
            status = client.ask(command="status")["data"]
            assert (len(status["keywords"]), status["keywords_from"]) == (10, "file")
            (tmp_path / "keywords.txt").write_text("# nothing\n")
            assert "has no usable keyword" in str(client.ask(command="reload"))
            (tmp_path / "keywords.txt").write_text("light on\n")
            shutil.copytree(tiny_model_dir, tmp_path / "coming")
            (tmp_path / "coming").rename(tmp_path / "m")
            client.read_until("loaded")
            assert client.read_until("reloaded")["keywords"] == ["light on"]


def test_alongside_hears_after_a_reload_too(tmp_path: Path, tiny_model_dir: Path, plug: Plug) -> None:
    """The fixed set hears "off" beside a model that listens for a phrase; a reload keeps both."""
    with running(tmp_path, tiny_model_dir, "--fallback", "alongside", keywords="light on\n") as daemon:
        client, hello = daemon.client()
        with client:
            assert hello["model"].endswith("+ ds-cnn")
            assert not hello["degraded"]
            assert eventually(lambda: plug.is_open)
            client.ask(command="reload")
            plug.say_all(with_gaps("off", gap_s=0.7))
            heard = client.read_until("detection")
            assert (heard["keyword"], heard["engine"], heard["second_engine"]) == ("off", "ds-cnn", None)
