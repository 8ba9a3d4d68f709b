"""The records that tell of something wrong, as a person reads it."""

from typing import Any

from kwsd.events import Degraded, MicLevel, MicLost, MicSilent, Overrun, ReloadFailed
from kwsd.protocol.client import GONE
from kwsd.records import now


def fault_of(record: dict[str, Any], *, running: bool) -> dict[str, Any] | None:
    """What went wrong, and when; None where nothing did. `running` is whether the daemon was there until now."""
    text = None
    match record["type"]:
        case MicLost.type:
            text = f"no microphone: {record['reason']}"
        case MicSilent.type | MicLevel.type if record["active"]:
            text = record["reason"]
        case Degraded.type if record["active"]:
            text = record["reason"]
        case Overrun.type:
            text = f"{record['lost_ms']:.0f} ms of sound were lost"
        case ReloadFailed.type:
            text = "the keyword file cannot be used, the old keywords stay: " + "; ".join(record["problems"])
        case _ if record is GONE and running:
            text = "the daemon ended"
    return None if text is None else {"text": text, "time": record.get("time") or now()}
