"""The daemon's status in Prometheus' text format. The only importer of prometheus_client.

Names are `kwsd_`, a thing and its base unit; counters end in `_total` and never fall while the daemon runs. Labels come
from keyword file and settings alone, so that there are as many series as keywords and sources.
"""

import os
import tempfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, get_args
from wsgiref.simple_server import WSGIServer

from prometheus_client import CollectorRegistry, generate_latest, start_http_server
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, InfoMetricFamily, Metric
from prometheus_client.registry import Collector

from kwsd.errors import KwsdError
from kwsd.events import State

LOOPBACK = "127.0.0.1"

GAUGES: dict[str, tuple[str, Callable[[dict[str, Any]], float | None]]] = {
    "kwsd_microphone_open": ("Whether sound is being read.", lambda s: s["microphone"]["open"]),
    "kwsd_muted": ("Whether the microphone was closed on request.", lambda s: s["state"] == "muted"),
    "kwsd_degraded": ("Whether less is heard than was asked for.", lambda s: s["degraded"]),
    "kwsd_quiet_gate_closed": (
        "Whether the room is quiet and the encoder rests.",
        lambda s: s["quiet_gate"]["closed"] if "quiet_gate" in s else None,
    ),
    "kwsd_quiet_ratio": (
        "Share of the sound that the encoder was spared.",
        lambda s: s["quiet_gate"]["share"] if "quiet_gate" in s else None,
    ),
    "kwsd_uptime_seconds": ("Since the daemon started.", lambda s: s["uptime_s"]),
    "kwsd_last_chunk_age_seconds": (
        "Since sound was last decoded, or an attempt to open the microphone ended.",
        lambda s: s["progress_age_s"],
    ),
    "kwsd_backlog_seconds": ("Sound that waits to be decoded.", lambda s: s["backlog_ms"] / 1000),
    "kwsd_real_time_ratio": (
        "Time spent decoding over sound decoded, since the start: the real-time factor.",
        lambda s: s["decode_s"] / s["stream_time"] if s.get("decode_s") and s["stream_time"] else None,
    ),
    "kwsd_keywords": ("Keywords in force.", lambda s: len(s["keywords"])),
    "kwsd_subscribers": ("Connections to the socket.", lambda s: s["subscribers"]),
}
COUNTERS: dict[str, tuple[str, Callable[[dict[str, Any]], float | None]]] = {
    "kwsd_audio_seconds": ("Sound decoded, lost sound included.", lambda s: s["stream_time"]),
    "kwsd_chunks": ("Pieces of sound decoded.", lambda s: s.get("chunks")),
    "kwsd_overruns": ("Times that sound was lost.", lambda s: s["overruns"]),
    "kwsd_lost_seconds": ("Sound lost.", lambda s: s["lost_ms"] / 1000),
    "kwsd_reconnects": ("Times that the microphone came back.", lambda s: s["reconnects"]),
    "kwsd_bad_chunks": ("Encoder outputs that were not finite.", lambda s: s["bad_chunks"]),
    "kwsd_dropped_events": ("Events that slow subscribers were not sent.", lambda s: s["dropped_events"]),
    "kwsd_lost_files": ("Files of sound that could not be saved.", lambda s: s.get("lost_files")),
    "kwsd_skipped_commands": (
        "Commands of exec not run, for others still ran.",
        lambda s: s.get("skipped_commands"),
    ),
    "kwsd_saved_bytes": ("Sound of detections written to files.", lambda s: s.get("saved_bytes")),
    "kwsd_decode_seconds": ("Time spent decoding.", lambda s: s.get("decode_s")),
}
LABELLED = {
    "kwsd_detections": ("Keywords heard.", "detections_by_keyword"),
    "kwsd_near_misses": ("Keywords nearly heard.", "near_misses_by_keyword"),
}


OF_SOURCE = (
    *("kwsd_microphone_open", "kwsd_muted", "kwsd_degraded", "kwsd_quiet_gate_closed", "kwsd_quiet_ratio"),
    *("kwsd_last_chunk_age_seconds", "kwsd_backlog_seconds", "kwsd_keywords", "kwsd_audio_seconds", "kwsd_chunks"),
    *("kwsd_overruns", "kwsd_lost_seconds", "kwsd_reconnects", "kwsd_bad_chunks", "kwsd_decode_seconds"),
)
"""What is also told of each of several sources: `kwsd_muted` as `kwsd_source_muted`, with the source as a label."""


def families(status: dict[str, Any] | None) -> Iterator[Metric]:
    """Every metric of a status, as the command `status` gives it; without one, that there is no daemon."""
    yield GaugeMetricFamily("kwsd_up", "Whether the daemon answers.", value=status is not None)
    if status is None:
        return
    build = {"version": status["version"], "model": status["model"]}
    yield InfoMetricFamily("kwsd_build", "What runs.", value=build)
    state = GaugeMetricFamily("kwsd_state", "1 for the state the daemon is in.", labels=["state"])
    for name in get_args(State):
        state.add_metric([name], status["state"] == name)
    yield state
    for kind, named in ((GaugeMetricFamily, GAUGES), (CounterMetricFamily, COUNTERS)):
        for name, (told, of) in named.items():
            if (value := of(status)) is not None:
                yield kind(name, told, value=value)
    reloads = CounterMetricFamily("kwsd_reloads", "Keyword lists read.", labels=["result"])
    reloads.add_metric(["used"], status["reloads"])
    reloads.add_metric(["refused"], status["failed_reloads"])
    yield reloads
    for name, (told, key) in LABELLED.items():
        counter = CounterMetricFamily(name, told, labels=["keyword"])
        for keyword, number in status.get(key, {}).items():
            counter.add_metric([keyword], number)
        yield counter
    yield from families_by_source(status.get("sources", ()))


def families_by_source(sources: Sequence[dict[str, Any]]) -> Iterator[Metric]:
    """The same of each of several microphones; nothing where there is one."""
    if not sources:
        return
    state = GaugeMetricFamily("kwsd_source_state", "1 for the state the source is in.", labels=["source", "state"])
    deaf = GaugeMetricFamily("kwsd_source_deaf", "Whether it is open and nothing is heard of it.", labels=["source"])
    heard = CounterMetricFamily("kwsd_source_detections", "Keywords heard.", labels=["source", "keyword"])
    for each in sources:
        deaf.add_metric([each["name"]], each["deaf"])
        for name in get_args(State):
            state.add_metric([each["name"], name], each["state"] == name)
        for keyword, number in each["detections_by_keyword"].items():
            heard.add_metric([each["name"], keyword], number)
    yield from (state, deaf, heard)
    for kind, named in ((GaugeMetricFamily, GAUGES), (CounterMetricFamily, COUNTERS)):
        for metric in (metric for metric in OF_SOURCE if metric in named):
            told, of = named[metric]
            family = kind(metric.replace("kwsd_", "kwsd_source_"), told, labels=["source"])
            for each in sources:
                family.add_metric([each["name"]], of(each) or 0)
            yield family


class StatusCollector(Collector):
    """Asks the daemon anew for every scrape."""

    def __init__(self, ask: Callable[[], dict[str, Any]]) -> None:
        """`ask` gives the status, or raises KwsdError where there is no daemon."""
        self._ask = ask

    def collect(self) -> Iterable[Metric]:
        """For the library."""
        try:
            status = self._ask()
        except KwsdError:
            return families(None)
        return families(status)


def registry(ask: Callable[[], dict[str, Any]]) -> CollectorRegistry:
    """What the library's own writers take."""
    own = CollectorRegistry(auto_describe=False)
    own.register(StatusCollector(ask))
    return own


def metrics_text(ask: Callable[[], dict[str, Any]]) -> bytes:
    """As a scrape is answered."""
    return generate_latest(registry(ask))


def write_textfile(path: Path, text: bytes) -> None:
    """Whole or not at all, for node_exporter's textfile collector. Raises KwsdError."""
    try:
        descriptor, temporary = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
        try:
            with open(descriptor, "wb") as file:  # noqa: PTH123 - it is open already
                file.write(text)
            Path(temporary).chmod(0o644)  # the collector is another user
            os.replace(temporary, path)  # noqa: PTH105 - takes the text that mkstemp gives
        except OSError:
            Path(temporary).unlink(missing_ok=True)
            raise
    except OSError as error:
        raise KwsdError(f"{path}: cannot be written: {error.strerror}; give another --textfile") from None


def serve_http(port: int, ask: Callable[[], dict[str, Any]]) -> tuple[WSGIServer, int]:
    """Answer scrapes on loopback, in threads; the server and its port. Raises KwsdError."""
    try:
        server, _ = start_http_server(port, addr=LOOPBACK, registry=registry(ask))
    except OSError as error:
        raise KwsdError(f"cannot listen on {LOOPBACK}, port {port}: {error.strerror}; give another --http") from None
    return server, server.server_port
