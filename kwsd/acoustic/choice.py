"""Which encoder of a model runs on this machine: where nobody could time the two before, they are timed there, once.

The compact graph computes in float32, the export mostly in int8. On x86-64 the compact one takes about half of the
other's time wherever it was tried. A processor of arm64 may have instructions for int8 that turn this round.
"""

from __future__ import annotations

import hashlib
import json
import logging
import os
from contextlib import suppress
from pathlib import Path

from kwsd.acoustic.encoder import Encoder
from kwsd.errors import ModelError
from kwsd.models.directory import USUAL_CHUNK_MS, find_encoder, find_part, model_homes, read_graph
from kwsd.small_files import parse_json, read_small, write_private

logger = logging.getLogger(__name__)

TIMED_ON = ("aarch64", "arm64")
"""Machines on which the choice is measured, as `uname -m` calls them."""
WORTH = 0.9
"""Of the compact graph's time: an export that takes more gives up hearing several streams in one call for nothing."""
CHOSEN = "encoders.json"
MOST_BYTES = 1 << 16


def load_encoder(directory: Path, chunk_ms: int | None = None) -> Encoder:
    """The one that runs. The first time on a machine where it is measured it takes a second or two more.

    Raises:
        ModelError: there is none, or it does not run.
    """
    compact = find_encoder(directory, chunk_ms)
    if os.uname().machine not in TIMED_ON or chunk_ms not in (None, USUAL_CHUNK_MS):
        return Encoder(compact)
    try:
        export = find_part(directory, "encoder")
    except ModelError:
        return Encoder(compact)
    if export == compact:
        return Encoder(compact)
    place, key = model_homes()[0].with_name(CHOSEN), key_of(compact, export)
    known = choices(place)
    if key in known:
        return Encoder(export if known[key] == export.name else compact)
    from kwsd.acoustic import speed  # noqa: PLC0415 - `statistics` takes a megabyte of every other process

    encoders = Encoder(compact), Encoder(export)
    compact_ms, export_ms = speed.chunk_ms(encoders)
    chosen = encoders[export_ms < WORTH * compact_ms]
    logger.info(
        "timed on this machine: %s takes %.2f ms a chunk, %s %.2f ms; %s runs from now on",
        compact.name,
        compact_ms,
        export.name,
        export_ms,
        chosen.path.name,
    )
    with suppress(OSError):  # it is timed again at the next start
        place.parent.mkdir(parents=True, exist_ok=True)
        write_private(place, json.dumps(known | {key: chosen.path.name}))
    return chosen


def key_of(compact: Path, export: Path) -> str:
    """Names the two graphs and the processor: a home directory may move to another machine with its card."""
    digest = hashlib.sha256(read_graph(compact) + read_graph(export))
    with suppress(OSError):
        described = Path("/proc/cpuinfo").read_bytes().splitlines()
        digest.update(b"\n".join(sorted({line for line in described if line.startswith((b"CPU", b"model name"))})))
    return digest.hexdigest()[:16]


def choices(place: Path) -> dict[str, str]:
    """What was chosen before, by key; nothing where that cannot be read."""
    try:
        known = parse_json(read_small(place, MOST_BYTES))
    except (OSError, ValueError):
        return {}
    return {key: name for key, name in known.items() if isinstance(name, str)} if isinstance(known, dict) else {}
