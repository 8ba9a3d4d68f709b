"""Sentences in a running daemon: the file is edited while it runs."""

from pathlib import Path

import numpy as np

from kwsd.timebase import samples
from testkit.daemons import Plug, eventually, running
from testkit.serving import Client
from testkit.tiny_model import silence, speak

SENTENCES = """\
intents:
  Light:
    data:
      - sentences:
          - "turn {state} the light"
lists:
  state: {values: ["on", "off"]}
"""
ORDER = np.concatenate([silence(0.5), speak("HEY LIGHT"), speak("TURN ON THE LIGHT"), silence(2.0)])


def intent(client: Client, plug: Plug) -> str:
    plug.say(ORDER)
    return str(client.read_until("intent")["intent"])


def test_a_reload_reads_the_sentences_too(tmp_path: Path, tiny_model_dir: Path, plug: Plug) -> None:
    """Scenario.

    1. An order is heard. The file is edited, a line of it wrongly, and `reload` given.
    2. The file is broken altogether, and `reload` given, the keyword file edited as well.
    3. The keyword file is mended; keywords are set by a program.

    Result: what is usable counts from then on and the line is told; a broken file is told and all stays as it was; who
    sets keywords asks for no sentences.
    """
    path = tmp_path / "sentences.yaml"
    path.write_text(SENTENCES)
    with running(tmp_path, tiny_model_dir, "--sentences", str(path)) as daemon:
        assert eventually(lambda: plug.is_open)
        client, _ = daemon.client()
        with client:
            assert intent(client, plug) == "Light"
            path.write_text(SENTENCES.replace("Light:", "Lamp:") + "skip_words: please\n")
            (problem,) = client.ask(command="reload")["data"]["problems"]
            assert f"{path}:8: skip_words" in problem
            assert intent(client, plug) == "Lamp"
            path.write_text(SENTENCES.replace("lists:", "list:"))
            (tmp_path / "keywords.txt").write_text("LIGHT DOWN\n")
            reply = client.ask(command="reload")
            assert not reply["ok"]
            assert f"{path}:5: there is no list {{state}}" in reply["error"]
            assert any("there is no list" in line for line in client.read_until("reload_failed")["problems"])
            assert client.ask(command="status")["data"]["keywords"] == ["LIGHT ON", "TURN OFF", "HEY LIGHT"]
            assert intent(client, plug) == "Lamp"
            assert client.ask(command="set_keywords", keywords=["HEY LIGHT"])["ok"]
            assert intent(client, plug) == "Lamp"


def test_what_was_said_before_a_mute_is_not_decided_behind_it(tmp_path: Path, tiny_model_dir: Path, plug: Plug) -> None:
    """Scenario.

    1. A wake word and a sentence, and the microphone is muted at once. 2. It is opened again: silence, and the sentence
    alone. 3. Both. Result: one intent, of the last.
    """
    path = tmp_path / "sentences.yaml"
    path.write_text(SENTENCES)
    with running(tmp_path, tiny_model_dir, "--sentences", str(path)) as daemon:
        assert eventually(lambda: plug.is_open, 20)
        client, _ = daemon.client()
        with client:
            client.ask(command="subscribe", types=["detection", "intent"])
            plug.say_all(ORDER[: -samples(2.0)])
            assert client.ask(command="mute")["ok"]
            assert client.ask(command="unmute")["ok"]
            assert eventually(lambda: plug.is_open, 20)
            plug.say_all(np.concatenate([silence(2.5), speak("TURN ON THE LIGHT"), silence(2.5)]))
            plug.say(ORDER)
            told = [client.read()]
            while told[-1]["type"] != "intent":
                told.append(client.read())
            assert [event["id"] for event in told[:-1]][-1:] == [2]
