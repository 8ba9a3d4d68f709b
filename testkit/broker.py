"""A real mosquitto on a port of this machine, and a listener that keeps what it is told."""

import secrets
import shutil
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import paho.mqtt.client as paho
import pytest
from paho.mqtt.enums import CallbackAPIVersion

from testkit.commands import clean_environment
from testkit.daemons import eventually

PROGRAM = str(Path(sys.executable).with_name("kwsd-mqtt"))
NODE = "t1"


@dataclass(frozen=True, slots=True)
class Told:
    """A message as it arrived."""

    at_s: float
    topic: str
    payload: str
    retained: bool


class Broker:
    """Started and killed at will; what it retains goes with it."""

    def __init__(self, directory: Path, *, password: str | None = None, tls: bool = False) -> None:
        program = shutil.which("mosquitto") or "/usr/sbin/mosquitto"
        if not Path(program).exists():
            pytest.skip("needs the Debian package mosquitto")
        self._program = program
        self._directory = directory
        self.port = free_port()
        self.ca_file = directory / "broker.crt"
        self._process: subprocess.Popen[bytes] | None = None
        lines = [f"listener {self.port} 127.0.0.1", "max_queued_messages 10000"]
        if password is None:
            lines.append("allow_anonymous true")
        else:
            command = [shutil.which("mosquitto_passwd") or "/usr/bin/mosquitto_passwd", "-b", "-c"]
            subprocess.run([*command, directory / "passwords", "kwsd", password], check=True)
            lines += ["allow_anonymous false", f"password_file {directory / 'passwords'}"]
        if tls:
            make_certificate(directory)
            lines += [f"certfile {self.ca_file}", f"keyfile {directory / 'broker.key'}"]
        (directory / "mosquitto.conf").write_text("\n".join([*lines, "user root", ""]))

    def start(self) -> None:
        """And wait until it answers."""
        with (self._directory / "mosquitto.log").open("ab") as log:
            self._process = subprocess.Popen(
                [self._program, "-c", self._directory / "mosquitto.conf"], stdout=log, stderr=log
            )
        assert eventually(self._answers, 10), (self._directory / "mosquitto.log").read_text()

    def kill(self) -> None:
        """At once."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def _answers(self) -> bool:
        try:
            socket.create_connection(("127.0.0.1", self.port)).close()
        except OSError:
            return False
        return True


@contextmanager
def running_broker(directory: Path, **how: Any) -> Iterator[Broker]:
    """A broker, killed at the end."""
    broker = Broker(directory, **how)
    broker.start()
    try:
        yield broker
    finally:
        broker.kill()


@contextmanager
def bridging(
    directory: Path, port: int, *arguments: str, scheme: str = "mqtt", environment: Mapping[str, str] | None = None
) -> Iterator[subprocess.Popen[bytes]]:
    """`kwsd-mqtt` between the daemon of `directory` and a broker, killed at the end."""
    own = ("--uri", f"{scheme}://127.0.0.1:{port}", "--socket", str(directory / "s"), "-v")
    with (directory / "mqtt.log").open("ab") as log:
        process = subprocess.Popen(
            [PROGRAM, *own, "--node", NODE, *arguments], stderr=log, env=clean_environment(directory, environment)
        )
    try:
        yield process
    finally:
        process.kill()
        process.wait()


class MqttListener:
    """Subscribed to everything below kwsd/ and homeassistant/."""

    def __init__(self, broker: Broker, password: str | None = None, *, tls: bool = False) -> None:
        self.told: list[Told] = []
        self._client = paho.Client(CallbackAPIVersion.VERSION2, client_id=f"test-{secrets.token_hex(4)}")
        self._client.on_message = self._on_message
        self._ready = threading.Event()
        self._client.on_connect = lambda client, *_: client.subscribe([("kwsd/#", 1), ("homeassistant/#", 1)])
        self._client.on_disconnect = lambda *_: self._ready.clear()
        self._client.on_subscribe = lambda *_: self._ready.set()
        if password is not None:
            self._client.username_pw_set("kwsd", password)
        if tls:
            self._client.tls_set(ca_certs=str(broker.ca_file))
        self._client.reconnect_delay_set(1, 1)
        self._client.connect("127.0.0.1", broker.port)
        self._client.loop_start()
        self.wait_for_broker()

    def wait_for_broker(self) -> None:
        """Until it is subscribed, once more where the connection had been lost."""
        assert self._ready.wait(10)

    def say(self, topic: str, payload: str, *, retain: bool = False) -> None:
        """Publish."""
        self._client.publish(topic, payload, qos=1, retain=retain)

    def payloads(self, name: str) -> list[str]:
        """What has come at topics that end so, in order."""
        return [told.payload for told in self.told if told.topic.endswith(f"/{name}")]

    def last(self, name: str) -> str:
        """What came last there; nothing where nothing has."""
        return (self.payloads(name) or [""])[-1]

    def close(self) -> None:
        """Hang up."""
        self._client.loop_stop()
        self._client.disconnect()

    def _on_message(self, _client: Any, _data: Any, message: Any) -> None:
        self.told.append(Told(time.monotonic(), message.topic, message.payload.decode(), message.retain))


def free_port() -> int:
    """One that nobody listens on."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])


def make_certificate(directory: Path) -> None:
    """Self-signed, for 127.0.0.1."""
    subject = ["-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1"]
    files = ["-keyout", str(directory / "broker.key"), "-out", str(directory / "broker.crt")]
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", *files, *subject],
        check=True,
        capture_output=True,
    )
