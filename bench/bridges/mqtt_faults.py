"""What a broker's subscriber misses, or is told twice, while broker, Home Assistant or daemon go and come back."""

import json
import signal
import time
from collections.abc import Iterator
from pathlib import Path

from bench.bridges.trouble import COMES_IN_S, ROUNDS, Outcome, memory_mb
from testkit.broker import MqttListener, bridging, running_broker
from testkit.daemons import Plug, eventually, phrase, running


class MqttHouse:
    """Broker and bridge, with a daemon that may be replaced, and one that listens all the time."""

    def __init__(self, directory: Path, model: Path) -> None:
        self.directory, self.model = directory, model
        self.plug = Plug(directory)
        self.plug.plug_in()
        self.said = 0

    def say(self, listener: MqttListener, *, wait: bool = True) -> None:
        """A phrase, and wait until the listener knows."""
        self.plug.say_all(phrase("LIGHT ON"))
        self.said += 1
        if wait:
            eventually(lambda: len(listener.payloads("event")) >= self.said, COMES_IN_S)

    def outcome(self, fault: str, listener: MqttListener, grown_mb: float) -> Outcome:
        """Since the last one."""
        eventually(lambda: len(listener.payloads("event")) >= self.said, COMES_IN_S)
        times = [json.loads(payload)["time"] for payload in listener.payloads("event")]
        listener.told.clear()
        said, self.said = self.said, 0
        return Outcome(fault, said, len(times), len(times) - len(set(times)), grown_mb)


def mqtt_faults(directory: Path, model: Path) -> Iterator[Outcome]:
    """Broker, Home Assistant and daemon go and come back."""
    house = MqttHouse(directory, model)
    with running_broker(directory) as broker, bridging(directory, broker.port) as bridge:
        listener = MqttListener(broker)
        with running(directory, model):
            eventually(lambda: '"hearing"' in listener.last("state"), COMES_IN_S)
            before_mb = memory_mb(bridge.pid)
            for _ in range(ROUNDS):
                house.say(listener)
                broker.kill()
                house.say(listener, wait=False)
                bridge.send_signal(signal.SIGSTOP)  # until somebody listens: a broker keeps no event for who is away
                broker.start()
                listener.wait_for_broker()
                bridge.send_signal(signal.SIGCONT)
                eventually(lambda: len(listener.payloads("event")) >= house.said, COMES_IN_S)
            yield house.outcome("broker killed, back within 10 s", listener, memory_mb(bridge.pid, "VmHWM") - before_mb)
            replayed = 0
            for _ in range(ROUNDS):
                house.say(listener)
                home_assistant = MqttListener(broker)
                home_assistant.say("homeassistant/status", "online")
                eventually(lambda home=home_assistant: '"hearing"' in home.last("state"), COMES_IN_S)  # type: ignore[misc]
                time.sleep(0.5)
                replayed += len(home_assistant.payloads("event"))
                home_assistant.close()
            told = house.outcome("Home Assistant gone, and back", listener, memory_mb(bridge.pid, "VmHWM") - before_mb)
            yield Outcome(told.fault, told.said, told.told + replayed, told.repeated + replayed, told.grown_mb)
        for _ in range(ROUNDS):
            with running(directory, model):  # and killed at the end
                eventually(lambda: '"hearing"' in listener.last("state"), COMES_IN_S)
                house.say(listener)
            eventually(lambda: "not running" in listener.last("state"), COMES_IN_S)
        yield house.outcome("daemon killed, started again", listener, memory_mb(bridge.pid, "VmHWM") - before_mb)
        listener.close()
