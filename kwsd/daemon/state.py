"""How things stand: what `hello` and `status` tell. Written by the thread a field belongs to, read by any."""

import time
from collections.abc import Iterable
from dataclasses import dataclass, field

from kwsd.events import State
from kwsd.keywords.keyword import Keyword


@dataclass(slots=True)
class Standing:
    """The daemon's state and counters since it started."""

    model: str
    """What to call the models that hear now."""
    microphone: str
    """Resolved name, or what was asked for."""
    keywords: tuple[str, ...] = ()
    state: State = "waiting"
    waiting_because: str = ""
    """What is wrong with the microphone; empty when nothing is."""
    degraded_because: str = ""
    """Why less is heard than was asked for; empty when it is not."""
    position_s: float = 0.0
    """Seconds of sound decoded, lost ones included."""
    detections: int = 0
    overruns: int = 0
    lost_ms: float = 0.0
    reconnects: int = 0
    reloads: int = 0
    failed_reloads: int = 0
    started_at_s: float = field(default_factory=time.monotonic)
    progress_at_s: float = field(default_factory=time.monotonic)
    """When sound was last decoded, or an attempt to open the microphone ended."""

    @property
    def degraded(self) -> bool:
        """Whether less is heard than was asked for."""
        return bool(self.degraded_because)

    def summary(self) -> str:
        """One line for a person, as systemd shows it."""
        counted = f"{len(self.keywords)} keywords, {self.overruns} overruns"
        if self.state == "listening":
            return f'listening to "{self.microphone}", {counted}' + (
                f"; {self.degraded_because}" if self.degraded else ""
            )
        return "muted" if self.state == "muted" else f'waiting for microphone "{self.microphone}", {counted}'


def labels(keywords: Iterable[Keyword]) -> tuple[str, ...]:
    """Names as events call them, each once, in order; those switched off left out."""
    return tuple(dict.fromkeys(keyword.label for keyword in keywords if keyword.enabled))
