"""Which encoder of a model runs on this machine: where nobody could time it before, that is done there, once.

The compact graph computes in float32, the export mostly in int8. On x86-64 the compact one takes about half of the
other's time wherever it was tried. A processor of arm64 may have instructions for int8 that turn this round, for the
whole or for some kinds of its matrices (`kwsd.acoustic.kinds`).
"""

from __future__ import annotations

import hashlib
import json
import logging
import os
from contextlib import suppress
from pathlib import Path

from kwsd.acoustic.encoder import Encoder
from kwsd.acoustic.session import runtime_version
from kwsd.errors import ModelError
from kwsd.models.directory import USUAL_CHUNK_MS, find_encoder, find_part, model_homes, read_graph
from kwsd.small_files import parse_json, read_small, write_private

logger = logging.getLogger(__name__)

TIMED_ON = ("aarch64", "arm64")
"""Machines on which the choice is measured, as `uname -m` calls them."""
WORTH = 0.9
"""Of the compact graph's time: an export that takes more gives up hearing several streams in one call for nothing."""
KINDS_WORTH = 0.97
"""Of the same: kinds in int8 give up nothing but a share of a percent of exactness."""
ALONE_OR_NOT = 1e-4
"""What frames of a stream may differ by where others are heard with it."""
CHOSEN = "encoders.json"
MOST_BYTES = 1 << 16


def load_encoder(directory: Path, chunk_ms: int | None = None) -> Encoder:
    """The one that runs. The first time on a machine where it is measured it takes a few seconds more.

    Raises:
        ModelError: there is none, or it does not run.
    """
    compact = find_encoder(directory, chunk_ms)
    if os.uname().machine not in TIMED_ON:
        return Encoder(compact)
    export = None
    if chunk_ms in (None, USUAL_CHUNK_MS):
        with suppress(ModelError):  # an installed package has none
            export = find_part(directory, "encoder")
    if export == compact:
        return Encoder(compact)
    place, key = model_homes()[0].with_name(CHOSEN), key_of(compact, export)
    known = choices(place)
    if key in known:
        name, *int8 = known[key].split()
        return Encoder(export if export and name == export.name else compact, int8)
    chosen = measured(compact, export)
    with suppress(OSError):  # it is timed again at the next start
        place.parent.mkdir(parents=True, exist_ok=True)
        write_private(place, json.dumps(known | {key: " ".join([chosen.path.name, *chosen.int8])}))
    return chosen


def measured(compact: Path, export: Path | None) -> Encoder:
    """What costs least: the compact graph, the same with int8 for the kinds of matrices that it pays for, the export.

    Such kinds are taken only if frames stay alike, and are the same with other streams and without.
    """
    from kwsd.acoustic import alike, kinds, speed  # noqa: PLC0415 - `statistics` takes a megabyte of every other process

    encoders, times = [Encoder(compact)], kinds.kind_times(compact)
    if int8 := [kind for kind, taken in times.items() if taken.int8_ms < WORTH * taken.float_ms]:
        mixed = Encoder(compact, int8)
        same = alike.apart_in_company(mixed) < ALONE_OR_NOT
        if same and alike.apart(encoders[0], mixed) < alike.ALIKE_SHARE:
            encoders.append(mixed)
    if export:
        encoders.append(Encoder(export))
    chunks_ms = speed.chunk_ms(encoders)
    chosen, least_ms = encoders[0], chunks_ms[0]
    for encoder, taken_ms in zip(encoders[1:], chunks_ms[1:], strict=True):
        if taken_ms < (KINDS_WORTH if encoder.int8 else WORTH) * least_ms:
            chosen, least_ms = encoder, taken_ms
    told = ", ".join(f"{each.label} takes {ms:.2f} ms" for each, ms in zip(encoders, chunks_ms, strict=True))
    logger.info("timed on this machine, a chunk: %s; %s runs from now on", told, chosen.label)
    return chosen


def key_of(compact: Path, export: Path | None) -> str:
    """Names graphs, onnxruntime and processor: a home directory may move to another machine with its card."""
    digest = hashlib.sha256(read_graph(compact) + (read_graph(export) if export else b"") + runtime_version().encode())
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
