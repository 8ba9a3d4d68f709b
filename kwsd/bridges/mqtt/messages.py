"""What is published: topics and payloads, as functions of how things stand.

Retained is what is state; an event that was replayed to whoever subscribes later would be heard twice.
"""

import json
from typing import Any

from kwsd import __version__
from kwsd.outlets.clip_name import clip_name
from kwsd.quick_dataclass import dataclass

SOURCE = "https://github.com/kwsd/kwsd"
NOT_RUNNING = "the daemon is not running"
NO_ANSWER = "the daemon does not answer"
NOTHING_HEARD = "nothing is heard of its sound"
ONLINE, OFFLINE = "online", "offline"


@dataclass(frozen=True, slots=True, kw_only=True)
class View:
    """How the daemon is, as far as MQTT is told."""

    running: bool = False
    version: str = __version__
    keywords: tuple[str, ...] = ()
    muted: bool = False
    microphone_open: bool = False
    state: str = "deaf"
    """`hearing`, `muted`, `degraded` or `deaf`."""
    reason: str = NOT_RUNNING
    """Why it does not simply hear; empty when it does."""
    level_db: int | None = None
    last_detection: str | None = None
    """ISO 8601, in UTC."""
    clips: str | None = None
    """Directory where the sound of detections is saved."""

    @classmethod
    def of(cls, status: dict[str, Any], before: "View") -> "View":
        """From the reply to `status`; what that does not tell stays as it was before."""
        muted = status["state"] == "muted"
        sources = status.get("sources", ())
        hearing = [each for each in sources or (status,) if each["state"] == "listening" and not each.get("deaf")]
        missing = [
            f"{each['name']}: {each['waiting_because'] or NOTHING_HEARD}"
            for each in sources
            if each["deaf"] or each["state"] in {"waiting", "silent"}
        ]
        deaf = not hearing and not muted
        nothing = NOTHING_HEARD if status["state"] == "listening" else "no sound has come yet"
        degraded = bool(status["degraded"] or missing)
        why = "; ".join(filter(None, [status["degraded_because"], *missing]))
        return cls(
            running=True,
            version=status["version"],
            keywords=tuple(status["keywords"]),
            muted=muted,
            microphone_open=bool(status["microphone"]["open"]),
            state="muted" if muted else "deaf" if deaf else "degraded" if degraded else "hearing",
            reason=(status["waiting_because"] or "; ".join(missing) or nothing) if deaf else why,
            level_db=before.level_db,
            last_detection=before.last_detection,
            clips=status.get("save_detections"),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Topics:
    """Where this daemon is in the broker's tree."""

    node: str
    """Of letters, digits, `_` and `-`; stable for ever, since Home Assistant knows its device by it."""
    base: str = "kwsd"
    discovery_prefix: str = "homeassistant"

    def of(self, name: str) -> str:
        """Such as kwsd/ab12/event."""
        return f"{self.base}/{self.node}/{name}"

    @property
    def discovery(self) -> str:
        """One message for the whole device."""
        return f"{self.discovery_prefix}/device/kwsd_{self.node}/config"

    @property
    def birth(self) -> str:
        """Where Home Assistant says that it is there."""
        return f"{self.discovery_prefix}/status"


def retained(topics: Topics, view: View, device: str, commands: tuple[str, ...]) -> dict[str, str]:
    """Topic → payload of all that is state, in the order to publish it: discovery first, so that nothing is dropped."""
    return {
        topics.discovery: discovery(topics, view, device, commands),
        topics.of("listening"): "OFF" if view.muted else "ON",
        topics.of("microphone"): "ON" if view.microphone_open else "OFF",
        topics.of("state"): json.dumps({"state": view.state, "reason": view.reason}),
        topics.of("version"): view.version,
        topics.of("level"): json.dumps({"level": view.level_db}),
        topics.of("last_detection"): json.dumps({"at": view.last_detection}),
    }


def discovery(topics: Topics, view: View, device: str, commands: tuple[str, ...]) -> str:
    """The device for Home Assistant."""
    message = {
        "dev": {
            "ids": [f"kwsd_{topics.node}"],
            "name": device,
            "mf": "kwsd",
            "mdl": "wake-word daemon",
            "sw": view.version,
        },
        "o": {"name": "kwsd", "sw": __version__, "url": SOURCE},
        "avty": [{"t": topics.of("availability")}],
        "qos": 1,
        "cmps": parts(topics, view, commands),
    }
    return json.dumps(message, ensure_ascii=False)


def parts(topics: Topics, view: View, commands: tuple[str, ...]) -> dict[str, dict[str, Any]]:
    """What the device is made of; a part that is not allowed is named by its platform alone, which removes it."""

    def part(platform: str, name: str, title: str, **more: Any) -> dict[str, Any]:
        return {"p": platform, "unique_id": f"{topics.node}_{name}", "name": title, **more}

    def sensor(name: str, title: str, template: str, kind: str = "sensor", **more: Any) -> dict[str, Any]:
        more |= {"state_topic": topics.of(name), "entity_category": "diagnostic", "value_template": template}
        return part(kind, name, title, **more)

    heard, state, listening = topics.of("event"), topics.of("state"), topics.of("listening")
    switch = part("switch", "listening", "Listening", state_topic=listening, command_topic=f"{listening}/set")
    button = part("button", "reload", "Reload keywords", command_topic=topics.of("reload/set"))
    return {
        "detection": part("event", "detection", "Detection", state_topic=heard, event_types=list(view.keywords)),
        "listening": switch if "mute" in commands else {"p": "switch"},
        "reload": button if "reload" in commands else {"p": "button"},
        "microphone": sensor(
            "microphone", "Microphone", "{{ value }}", kind="binary_sensor", device_class="connectivity"
        ),
        "state": sensor("state", "State", "{{ value_json.state }}", json_attributes_topic=state, icon="mdi:ear"),
        "version": sensor("version", "Version", "{{ value }}"),
        "level": sensor("level", "Level", "{{ value_json.level }}", unit_of_measurement="dBFS"),
        "last_detection": sensor("last_detection", "Last detection", "{{ value_json.at }}", device_class="timestamp"),
    }


def event_payload(detection: dict[str, Any], clips: str | None) -> str:
    """A detection as an event entity takes it: its type is the keyword, all else are attributes.

    Where clips are saved `clip` is the file, which is there once half a second more has been heard.
    """
    saved = {"clip": f"{clips}/{clip_name(detection)}"} if clips else {}
    rest = {name: value for name, value in detection.items() if name not in {"type", "keyword"}}
    return json.dumps({"event_type": detection["keyword"], **rest, **saved}, ensure_ascii=False)
