"""`kwsd-mqtt` between a real daemon and a real mosquitto; either may be killed."""

import json
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from kwsd.config.mqtt import Mqtt
from testkit.broker import NODE, PROGRAM, Broker, MqttListener, bridging, running_broker
from testkit.commands import run
from testkit.daemons import DaemonProcess, Plug, eventually, phrase, running
from testkit.tiny_model import silence
from testkit.wall_clock import YEAR_S, ShiftedClock, needs_compiler


@contextmanager
def house(
    directory: Path, model: Path, *arguments: str, daemon_arguments: tuple[str, ...] = ()
) -> Iterator[tuple[Plug, DaemonProcess, Broker, MqttListener]]:
    """Microphone, daemon, broker, listener, and the bridge between them, ready."""
    plug = Plug(directory)
    plug.plug_in()
    with (
        running_broker(directory) as broker,
        running(directory, model, *daemon_arguments) as daemon,
        bridging(directory, broker.port, *arguments),
    ):
        listener = MqttListener(broker)
        assert eventually(
            lambda: '"hearing"' in listener.last("state") and listener.last("availability") == "online", 10
        )
        yield plug, daemon, broker, listener
        listener.close()


def test_home_assistant_is_told_of_the_device_and_of_every_detection(tmp_path: Path, tiny_model_dir: Path) -> None:
    """Scenario.

    1. Discovery comes first and `online` last. 2. A phrase: one event, not retained, with its type announced before.
    3. A new list of keywords: the types are announced before the first of them is heard. 4. Home Assistant starts anew
    (`online` at its birth topic): all that is state comes again, and no event.
    """
    clips = tmp_path / "clips"
    with house(tmp_path, tiny_model_dir, daemon_arguments=("--save-detections", str(clips))) as made:
        plug, daemon, _, listener = made
        fresh = [told.topic.rpartition("/")[2] for told in listener.told if told.topic.startswith("kwsd/")]
        device = json.loads(listener.last("config"))
        assert device["cmps"]["detection"]["event_types"] == ["LIGHT ON", "TURN OFF", "HEY LIGHT"]
        assert device["cmps"]["listening"] == {"p": "switch"}  # not allowed, so removed
        assert "availability" in fresh
        plug.say_all(phrase("LIGHT ON"))
        assert eventually(lambda: listener.payloads("event"))
        (event,) = [told for told in listener.told if told.topic == f"kwsd/{NODE}/event"]
        heard = json.loads(event.payload)
        assert (heard["event_type"], heard["phrase"], event.retained) == ("LIGHT ON", "LIGHT ON", False)
        assert heard["score"] > 0.5
        assert eventually(Path(heard["clip"]).exists)
        assert Path(heard["clip"]).parent == clips

        daemon.ask(command="set_keywords", keywords=["TURN ON"])
        plug.say_all(phrase("TURN ON"))
        assert eventually(lambda: len(listener.payloads("event")) == 2)
        order = [told.topic.rpartition("/")[2] for told in listener.told]
        assert json.loads(listener.last("config"))["cmps"]["detection"]["event_types"] == ["TURN ON"]
        assert len(order) - order[::-1].index("config") < len(order) - order[::-1].index("event")

        before = len(listener.told)
        listener.say("homeassistant/status", "online")
        assert eventually(lambda: listener.told[-1].topic.endswith("/availability") and len(listener.told) > before + 2)
        again = [
            told.topic.rpartition("/")[2] for told in listener.told[before:] if told.topic != "homeassistant/status"
        ]
        assert (again[0], again[-1], "event" in again) == ("config", "availability", False)


def test_commands_are_carried_out_where_allowed_and_refused_by_name(tmp_path: Path, tiny_model_dir: Path) -> None:
    with house(tmp_path, tiny_model_dir, "--allow-commands", "mute") as (plug, daemon, _, listener):
        assert json.loads(listener.last("config"))["cmps"]["listening"]["command_topic"] == f"kwsd/{NODE}/listening/set"
        listener.say(f"kwsd/{NODE}/listening/set", "OFF")
        assert eventually(lambda: listener.last("listening") == "OFF" and not plug.is_open)
        assert daemon.ask(command="status")["data"]["state"] == "muted"
        assert eventually(lambda: '"muted"' in listener.last("state"))
        listener.say(f"kwsd/{NODE}/listening/set", "ON")
        assert eventually(lambda: listener.last("listening") == "ON" and '"hearing"' in listener.last("state"), 10)
        refused = (
            ("reload", "", "reload is not allowed over MQTT"),
            ("keywords", '["TURN ON"]', "keywords is not allowed"),
            ("listening", "perhaps", "is not ON or OFF"),
            ("nonsense", "", "there is no command nonsense"),
        )
        for number, (topic, payload, _) in enumerate(refused, start=3):
            listener.say(f"kwsd/{NODE}/{topic}/set", payload)
            assert eventually(lambda number=number: len(listener.payloads("reply")) == number)  # type: ignore[misc]
        for (_, _, told), reply in zip(refused, listener.payloads("reply")[2:], strict=True):
            assert told in json.loads(reply)["error"]


def test_a_list_set_over_mqtt_is_in_force(tmp_path: Path, tiny_model_dir: Path) -> None:
    with house(tmp_path, tiny_model_dir, "--allow-commands", "keywords", "reload") as (plug, _, _, listener):
        listener.say(f"kwsd/{NODE}/keywords/set", '["TURN ON"]')
        assert eventually(lambda: '"TURN ON"' in listener.last("config"))
        plug.say_all(phrase("TURN ON"))
        assert eventually(lambda: listener.payloads("event"))
        listener.say(f"kwsd/{NODE}/keywords/set", '{"not": "a list"}')
        assert eventually(lambda: json.loads(listener.last("reply"))["ok"] is False)
        listener.say(f"kwsd/{NODE}/reload/set", "")
        assert eventually(lambda: '"TURN OFF"' in listener.last("config"))


def test_everything_comes_back_and_nothing_is_told_twice(tmp_path: Path, tiny_model_dir: Path) -> None:
    """Scenario.

    1. The broker is killed; a phrase is said; within 10 s the broker is back: the event is told once, after discovery.
    2. The microphone is pulled out: deaf, and why. 3. The daemon is killed: deaf; started again: hearing. 4. The
    bridge is killed: the will says offline. 5. It ends by SIGTERM: it says so itself.
    """
    plug = Plug(tmp_path)
    plug.plug_in()
    with running_broker(tmp_path) as broker, bridging(tmp_path, broker.port) as bridge:
        with running(tmp_path, tiny_model_dir) as daemon:
            listener = MqttListener(broker)
            assert eventually(lambda: '"hearing"' in listener.last("state"), 10)
            broker.kill()
            plug.say_all(phrase("LIGHT ON"))
            assert eventually(lambda: daemon.ask(command="status")["data"]["detections"] == 1)
            bridge.send_signal(signal.SIGSTOP)  # until somebody listens at the new broker
            broker.start()
            listener.wait_for_broker()
            bridge.send_signal(signal.SIGCONT)
            assert eventually(lambda: listener.payloads("event"), 10)
            plug.say_all(phrase("TURN OFF"))
            assert eventually(lambda: len(listener.payloads("event")) == 2)
            assert [json.loads(event)["event_type"] for event in listener.payloads("event")] == ["LIGHT ON", "TURN OFF"]
            plug.pull_out()
            assert eventually(lambda: '"deaf"' in listener.last("state") and listener.last("microphone") == "OFF", 10)
            plug.plug_in()
            assert eventually(lambda: '"hearing"' in listener.last("state"), 15)
        assert eventually(lambda: "the daemon is not running" in listener.last("state"))
        with running(tmp_path, tiny_model_dir):
            assert eventually(lambda: '"hearing"' in listener.last("state"), 15)
            plug.say_all(silence(0.5))
            bridge.kill()
            bridge.wait()
            assert eventually(lambda: listener.last("availability") == "offline")
            with bridging(tmp_path, broker.port) as another:
                assert eventually(lambda: listener.last("availability") == "online")
                another.send_signal(signal.SIGTERM)
                assert another.wait(5) == 0
                assert eventually(lambda: listener.last("availability") == "offline")
        assert len(listener.payloads("event")) == 2
        listener.close()


def test_who_is_alive_and_hears_nothing_is_not_called_hearing(tmp_path: Path, tiny_model_dir: Path) -> None:
    """Scenario.

    1. Sound comes, and no frames of it. 2. They come again. 3. The daemon hangs, its connections open. 4. It goes on.

    Result: deaf within seconds, though no event tells of it, and why; hearing as soon as it hears.
    """
    with house(tmp_path, tiny_model_dir) as (_, daemon, _, listener):
        (tmp_path / "deaf").touch()
        assert eventually(lambda: '"deaf"' in listener.last("state"), 15)
        assert "nothing is heard of its sound" in listener.last("state")
        assert listener.last("microphone") == "ON"
        (tmp_path / "deaf").unlink()
        assert eventually(lambda: '"hearing"' in listener.last("state"), 10)
        daemon.process.send_signal(signal.SIGSTOP)
        try:
            assert eventually(lambda: "the daemon does not answer" in listener.last("state"), 25)
            assert '"deaf"' in listener.last("state")
        finally:
            daemon.process.send_signal(signal.SIGCONT)
        assert eventually(lambda: '"hearing"' in listener.last("state"), 15)


def test_a_detection_has_a_broker_tried_that_was_given_up_for_longer(tmp_path: Path, tiny_model_dir: Path) -> None:
    """Scenario.

    1. There is no broker, and the pauses between tries have grown to more than four seconds. 2. A phrase is heard; then
    the broker comes, and is connected to at once.
    """
    plug = Plug(tmp_path)
    plug.plug_in()
    broker = Broker(tmp_path)
    log = tmp_path / "mqtt.log"
    with running(tmp_path, tiny_model_dir) as daemon, bridging(tmp_path, broker.port):
        assert eventually(lambda: log.exists() and log.read_text().count("trying again") == 4, 15)
        plug.say_all(phrase("LIGHT ON"))
        assert eventually(lambda: daemon.ask(command="status")["data"]["detections"])
        broker.start()
        assert eventually(lambda: "connected to the broker" in log.read_text(), 1.5)
        broker.kill()


def test_an_old_event_is_not_told_as_new(tmp_path: Path, tiny_model_dir: Path) -> None:
    plug = Plug(tmp_path)
    plug.plug_in()
    with (
        running_broker(tmp_path) as broker,
        running(tmp_path, tiny_model_dir) as daemon,
        bridging(tmp_path, broker.port),
    ):
        listener = MqttListener(broker)
        assert eventually(lambda: '"hearing"' in listener.last("state"), 10)
        broker.kill()
        plug.say_all(phrase("LIGHT ON"))
        assert eventually(lambda: daemon.ask(command="status")["data"]["detections"] == 1)
        announced = len(listener.payloads("config"))
        time.sleep(10.5)
        broker.start()
        assert eventually(lambda: len(listener.payloads("config")) > announced, 20)
        plug.say_all(phrase("TURN OFF"))
        assert eventually(lambda: listener.payloads("event"))
        assert [json.loads(event)["event_type"] for event in listener.payloads("event")] == ["TURN OFF"]
        listener.close()


@needs_compiler
@pytest.mark.parametrize(("ahead_s", "waits_s", "told"), [(3 * YEAR_S, 0.0, 1), (-10 * YEAR_S, 10.5, 0)])
def test_how_old_an_event_is_does_not_depend_on_the_clock(
    tmp_path: Path, tiny_model_dir: Path, ahead_s: int, waits_s: float, told: int
) -> None:
    """Scenario.

    1. The bridge is stopped, and a phrase heard. 2. The clock is set, years ahead at once or back after ten seconds.
    3. The bridge goes on, and reads of that phrase.

    Result: it is told where that was just now, and not where it was long ago; then another phrase is told.
    """
    clock, plug = ShiftedClock(tmp_path), Plug(tmp_path)
    plug.plug_in()
    with (
        running_broker(tmp_path) as broker,
        running(tmp_path, tiny_model_dir, environment=clock.environment) as daemon,
        bridging(tmp_path, broker.port, environment=clock.environment) as bridge,
    ):
        listener = MqttListener(broker)
        assert eventually(lambda: '"hearing"' in listener.last("state"), 10)
        bridge.send_signal(signal.SIGSTOP)
        plug.say_all(phrase("LIGHT ON"))
        assert eventually(lambda: daemon.ask(command="status")["data"]["detections"] == 1)
        time.sleep(waits_s)
        clock.set(ahead_s)
        bridge.send_signal(signal.SIGCONT)
        assert not told or eventually(lambda: listener.payloads("event"))
        plug.say_all(phrase("TURN OFF"))
        assert eventually(lambda: any("TURN OFF" in event for event in listener.payloads("event")))
        assert len(listener.payloads("event")) == told + 1
        listener.close()


def test_a_broker_with_password_and_tls(tmp_path: Path, tiny_model_dir: Path) -> None:
    """With the right ones it is told everything; with a wrong password nothing, and the log says why."""
    plug = Plug(tmp_path)
    plug.plug_in()
    (tmp_path / "password").write_text("geheim\n")
    with running_broker(tmp_path, password="geheim", tls=True) as broker, running(tmp_path, tiny_model_dir):  # noqa: S106
        listener = MqttListener(broker, "geheim", tls=True)
        own = ("--username", "kwsd", "--password-file", str(tmp_path / "password"), "--ca-file", str(broker.ca_file))
        with bridging(tmp_path, broker.port, *own, scheme="mqtts"):
            assert eventually(lambda: '"hearing"' in listener.last("state"), 10)
        (tmp_path / "password").write_text("wrong\n")
        with bridging(tmp_path, broker.port, *own, scheme="mqtts"):
            assert eventually(lambda: "uthori" in (tmp_path / "mqtt.log").read_text(), 10)
        listener.close()


def test_what_cannot_be_used_is_said_at_the_start(tmp_path: Path) -> None:
    for arguments, code, told in (
        (("--uri", "http://x"), 2, "--uri: 'http://x' is not an address such as mqtt://"),
        (("--uri", "mqtt://me:secret@x"), 2, "give --username NAME and --password-file FILE"),
        (("--node", "a b"), 2, "--node: 'a b' is not a name of letters"),
        (("--password-file", "/none"), 78, "password_file: /none: cannot be read"),
        (("--uri", "mqtts://x", "--ca-file", "/none"), 78, "ca_file: /none: cannot be used"),
    ):
        done = run(PROGRAM, *arguments, home=tmp_path)
        assert (done.returncode, told in done.stderr) == (code, True), done.stderr


@pytest.mark.parametrize(
    ("uri", "expected"), [("mqtt://h", ("h", 1883)), ("mqtts://[::1]", ("::1", 8883)), ("mqtt://[::1]:5", ("::1", 5))]
)
def test_addresses(uri: str, expected: tuple[str, int]) -> None:
    assert Mqtt(uri=uri).host_and_port == expected
