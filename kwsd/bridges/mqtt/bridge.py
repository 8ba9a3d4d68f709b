"""Between the daemon and a broker: either may go and come back, and neither is ever waited for by the other."""

import asyncio
import json
import logging
import random
import secrets
import signal
import ssl
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from time import monotonic
from typing import Any

import aiomqtt

from kwsd.bridges.identity import stable_id
from kwsd.bridges.mqtt.messages import (
    NO_ANSWER,
    NOT_RUNNING,
    OFFLINE,
    ONLINE,
    Topics,
    View,
    event_payload,
    retained,
)
from kwsd.config.mqtt import Mqtt
from kwsd.errors import ConfigError, KwsdError, reason
from kwsd.events import Degraded, Detection, Level, Loaded, MicLost, MicRecovered, MicSilent, Muted, Reloaded, Unmuted
from kwsd.protocol.client import GONE, AsyncClient
from kwsd.protocol.connection import NoDaemonError
from kwsd.small_files import parse_json
from kwsd.wall_clock import WallClock, since_boot_s

logger = logging.getLogger(__name__)

CHANGES = (MicLost, MicRecovered, MicSilent, Degraded, Loaded, Reloaded, Muted, Unmuted)
"""Events after which the daemon is asked how it is."""
LOOKS_AGAIN_S = 1.0
"""While it does not simply hear: that a microphone has come is no event where none had been lost."""
LOOKS_S = 5.0
"""Otherwise: that nothing is heard of the sound, or that it hangs, is no event either."""
TOLD_FOR_S = 10.0
"""A detection that could not be told for so long is told no more: whoever acts on it then acts too late."""
LEVEL_EVERY_S = 10.0
ANSWER_S = 10.0
FIRST_PAUSE_S, LONGEST_PAUSE_S = 1.0, 60.0
KEEPALIVE_S = 20
MOST_PENDING = 100
LONGEST_COMMAND = 64 * 1024


class MqttBridge:
    """One run. All of it on the event loop."""

    def __init__(self, settings: Mqtt, socket: Path) -> None:
        """Raises ConfigError: the password or a certificate cannot be read."""
        self._settings = settings
        self._topics = Topics(
            node=settings.node or stable_id(), base=settings.base, discovery_prefix=settings.discovery_prefix
        )
        self._daemon = AsyncClient(
            socket, types=[event.type for event in (Detection, Level, *CHANGES)], timeout_s=ANSWER_S
        )
        self._password = read_password(settings.password_file)
        self._tls = tls_context(settings)
        self._view = View()
        self._published: dict[str, str] = {}
        self._clock = WallClock()
        self._pending: deque[tuple[float, str]] = deque(maxlen=MOST_PENDING)
        self._changed = asyncio.Event()
        self._detected = asyncio.Event()
        self._level_at_s = self._asked_at_s = 0.0

    async def run(self) -> None:
        """Until SIGTERM or SIGINT; the broker is told that we go."""
        ended = asyncio.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().add_signal_handler(number, ended.set)
        works = (self.follow_daemon(), self.look_again(), self.keep_publishing(), ended.wait())
        tasks = [asyncio.ensure_future(work) for work in works]
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        for task in done:
            task.result()  # a mistake of ours is raised

    # The daemon's side.

    async def follow_daemon(self) -> None:
        """Take note of what it says."""
        asking: set[asyncio.Task[None]] = set()
        names = {event.type for event in CHANGES} | {"hello"}
        async for record in self._daemon.records():
            kind = record["type"]
            if record is GONE:
                self.show(replace(self._view, running=False, microphone_open=False, state="deaf", reason=NOT_RUNNING))
            elif kind == Detection.type:
                age_s = self._clock.age_s(datetime.fromisoformat(record["time"]).timestamp())
                self._pending.append((since_boot_s() - age_s, event_payload(record, self._view.clips)))
                self._detected.set()
                self.show(replace(self._view, last_detection=record["time"]))
            elif kind == Level.type and monotonic() - self._level_at_s >= LEVEL_EVERY_S:
                self._level_at_s = monotonic()
                self.show(replace(self._view, level_db=round(record["rms_db"])))
            elif kind in names:
                if kind in {Reloaded.type, Loaded.type}:  # before any detection of a new keyword
                    self.show(replace(self._view, keywords=tuple(record["keywords"])))
                task = asyncio.create_task(self.ask_status())
                asking.add(task)
                task.add_done_callback(asking.discard)

    async def ask_status(self) -> None:
        """How it is; nothing where it has gone meanwhile."""
        self._asked_at_s = monotonic()
        try:
            self.show(View.of(await self._daemon.ask("status"), self._view))
        except KwsdError as error:
            logger.debug("%s", error)
            if self._view.running and isinstance(error, NoDaemonError):
                self.show(replace(self._view, state="deaf", reason=NO_ANSWER))

    async def look_again(self) -> None:
        """Ask again: of one that does not hear, or not all, soon."""
        while True:
            await asyncio.sleep(LOOKS_AGAIN_S)
            self._clock.look()
            pause_s = LOOKS_AGAIN_S if self._view.state in {"deaf", "degraded"} else LOOKS_S
            if self._view.running and monotonic() - self._asked_at_s >= pause_s:
                await self.ask_status()

    def show(self, view: View) -> None:
        """Have the broker told what is different."""
        self._view = view
        self._changed.set()

    # The broker's side.

    async def keep_publishing(self) -> None:
        """One connection after the other; longer and longer pauses, not all bridges of a house at once."""
        pause_s = FIRST_PAUSE_S
        while True:
            began_s = monotonic()
            try:
                await self.publish_while_connected()
            except (aiomqtt.MqttError, OSError) as error:
                if monotonic() - began_s > LONGEST_PAUSE_S:
                    pause_s = FIRST_PAUSE_S
                logger.warning("broker %s: %s; trying again", self._settings.uri, error)
            self._detected.clear()
            if self.oldest_pending() is not None:  # it is worth less by the second
                await asyncio.sleep(FIRST_PAUSE_S)
                continue
            with suppress(TimeoutError):
                async with asyncio.timeout(pause_s * random.uniform(0.5, 1)):  # noqa: S311 - spreads the load, guards nothing
                    await self._detected.wait()
            pause_s = min(2 * pause_s, LONGEST_PAUSE_S)

    async def publish_while_connected(self) -> None:
        """Subscribe, discovery, states, `online` last; then what changes. Raises MqttError when the connection ends."""
        host, port = self._settings.host_and_port
        async with aiomqtt.Client(
            host,
            port,
            username=self._settings.username,
            password=self._password,
            identifier=f"kwsd-{self._topics.node}-{secrets.token_hex(3)}",
            will=aiomqtt.Will(self._topics.of("availability"), OFFLINE, qos=1, retain=True),
            keepalive=KEEPALIVE_S,
            tls_context=self._tls,
            logger=logging.getLogger("kwsd.paho"),
        ) as client:
            await client.subscribe([(self._topics.birth, 1), (self._topics.of("+/set"), 1)])
            logger.info("connected to the broker at %s", self._settings.uri)
            self._published.clear()
            heeding = asyncio.ensure_future(self.heed(client))
            try:
                while True:
                    await self.publish_all(client)
                    changing = asyncio.ensure_future(self._changed.wait())
                    await asyncio.wait([heeding, changing], return_when=asyncio.FIRST_COMPLETED)
                    changing.cancel()
                    if heeding.done():
                        heeding.result()
                        return
            finally:
                heeding.cancel()
                await self.say_goodbye(client)

    async def publish_all(self, client: aiomqtt.Client) -> None:
        """Whatever is not as the broker has it, then detections, the oldest first."""
        self._changed.clear()
        wanted = retained(self._topics, self._view, self._settings.device, self._settings.commands)
        wanted[self._topics.of("availability")] = ONLINE
        for topic, payload in wanted.items():
            if self._published.get(topic) != payload:
                await client.publish(topic, payload, qos=1, retain=True)
                self._published[topic] = payload
        while (event := self.oldest_pending()) is not None:
            await client.publish(self._topics.of("event"), event, qos=1)
            self._pending.popleft()

    def oldest_pending(self) -> str | None:
        """The first detection that waits and may still be told."""
        while self._pending and since_boot_s() - self._pending[0][0] >= TOLD_FOR_S:
            self._pending.popleft()
        return self._pending[0][1] if self._pending else None

    async def heed(self, client: aiomqtt.Client) -> None:
        """Home Assistant's birth, after which it wants everything again; and commands."""
        async for message in client.messages:
            topic, payload = str(message.topic), message.payload
            if topic == self._topics.birth:
                if payload == ONLINE.encode():
                    self._published.clear()
                    self._changed.set()
            elif isinstance(payload, bytes) and not message.retain:
                reply = await self.carry_out(topic.removesuffix("/set").rpartition("/")[2], payload)
                await client.publish(self._topics.of("reply"), json.dumps(reply, ensure_ascii=False), qos=1)

    async def carry_out(self, name: str, payload: bytes) -> dict[str, Any]:
        """A command, where the user allows it; the answer for `reply`."""
        try:
            command, fields = parse_command(name, payload, self._settings.commands)
            await self._daemon.ask(command, **fields)
            await self.ask_status()
        except KwsdError as error:
            logger.warning("refused over MQTT: %s", error)
            self._published.pop(self._topics.of("listening"), None)  # so that a switch springs back
            self._changed.set()
            return {"command": name, "ok": False, "error": str(error)}
        return {"command": name, "ok": True, "error": None}

    async def say_goodbye(self, client: aiomqtt.Client) -> None:
        """The will is for those who cannot; nothing where the connection is broken."""
        try:
            await client.publish(self._topics.of("availability"), OFFLINE, qos=1, retain=True, timeout=1)
        except aiomqtt.MqttError:
            logger.debug("the broker is gone")


def parse_command(name: str, payload: bytes, allowed: tuple[str, ...]) -> tuple[str, dict[str, Any]]:
    """Topic and payload → a command of the socket and its fields. Raises KwsdError: not allowed, or means nothing."""
    known: dict[str, tuple[str, Callable[[str], tuple[str, dict[str, Any]]]]] = {
        "listening": ("mute", lambda text: ({"ON": "unmute", "OFF": "mute"}[text.strip().upper()], {})),
        "reload": ("reload", lambda _: ("reload", {})),
        "keywords": ("keywords", lambda text: ("set_keywords", {"keywords": parse_json(text)})),
    }
    needed, parse = known.get(name, ("", None))
    if parse is None:
        raise KwsdError(f"there is no command {name}; there are listening, reload and keywords")
    if needed not in allowed:
        raise KwsdError(f'{name} is not allowed over MQTT; commands = ["{needed}"] in [mqtt] allows it')
    if len(payload) > LONGEST_COMMAND:
        raise KwsdError(f"{name}: more than {LONGEST_COMMAND} bytes")
    try:
        return parse(payload.decode())
    except (ValueError, KeyError):
        right = "ON or OFF" if name == "listening" else 'a JSON list of phrases, such as ["lights on"]'
        raise KwsdError(f"{name}: {payload[:40]!r} is not {right}") from None


def read_password(path: Path | None) -> str | None:
    """The first line of a file. Raises ConfigError."""
    if path is None:
        return None
    try:
        return path.read_text(encoding="utf-8").partition("\n")[0]
    except (OSError, UnicodeDecodeError) as error:
        why = reason(error)
        raise ConfigError(f"password_file: {path}: cannot be read: {why}") from None


def tls_context(settings: Mqtt) -> ssl.SSLContext | None:
    """What certificates to believe; None without TLS. Raises ConfigError."""
    if not settings.uri.startswith("mqtts:"):
        return None
    try:
        return ssl.create_default_context(cafile=settings.ca_file and str(settings.ca_file))
    except (OSError, ssl.SSLError) as error:
        raise ConfigError(f"ca_file: {settings.ca_file}: cannot be used: {error}") from None


async def run_bridge(settings: Mqtt, socket: Path) -> None:
    """Until a signal. Raises ConfigError."""
    await MqttBridge(settings, socket).run()
