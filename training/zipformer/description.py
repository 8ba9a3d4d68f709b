"""Write a model directory's model.toml: sources and checksums by `describe`, search settings by `tune`."""

import json
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from kwsd.models.description import DESCRIPTION, description_of
from kwsd.models.directory import COMPACT, find_encoder
from kwsd.models.download import checksum
from kwsd.search.confidence import Confidence
from kwsd.search.false_alarms import FalseAlarms

HEAD = "# Written by `python -m training.zipformer describe` and `tune`; the model card is README.md.\n"
NOT_SUMMED = frozenset({".toml", ".md", ".csv", ".png", ".part", ".pt"})
"""Endings of files that may change without another model being heard."""


def describe(directory: Path, *, name: str, version: str, about: str, licence: str, sources: tuple[str, ...]) -> None:
    """Write model.toml with the checksums of the files that kwsd runs; search settings that stand in it stay."""
    path = directory / DESCRIPTION
    known = _read(path)
    tuned: dict[str, Any] = {
        section: known[section] for section in ("language", "search", "confidence", "false_alarms") if section in known
    }
    used = {find_encoder(directory), *directory.glob(f"encoder.*ms{COMPACT}")}
    unused = set(directory.glob("encoder*.onnx")) - used
    files = sorted(file for file in directory.iterdir() if file.suffix not in NOT_SUMMED and file not in unused)
    _write(
        path,
        {
            "name": name,
            "version": version,
            "about": about,
            "licence": licence,
            "training_data": list(sources),
            **tuned,
            "sha256": {file.name: checksum(file) for file in files},
        },
    )


def write_search(path: Path, values: Mapping[str, float]) -> None:
    """Change search settings in a model.toml, which is made where there is none."""
    tree = _read(path)
    _write(path, {**tree, "search": {**tree.get("search", {}), **values}})


def write_confidence(path: Path, confidence: Confidence) -> None:
    """Write a confidence into a model.toml, which is made where there is none."""
    _write(path, {**_read(path), "confidence": asdict(confidence)})


def write_false_alarms(path: Path, rates: FalseAlarms) -> None:
    """Write what is to be expected into a model.toml, which is made where there is none."""
    _write(path, {**_read(path), "false_alarms": asdict(rates)})


def _read(path: Path) -> dict[str, Any]:
    return tomllib.loads(path.read_text(encoding="utf-8")) if path.exists() else {}


def _write(path: Path, tree: Mapping[str, Any]) -> None:
    description_of(tree)
    path.write_text(HEAD + "\n".join(_lines(tree)) + "\n", encoding="utf-8")


def _lines(tree: Mapping[str, Any]) -> Iterator[str]:
    """Plain keys, then tables; JSON is TOML for texts, numbers and lists of them."""
    tables = {key: value for key, value in tree.items() if isinstance(value, dict)}
    for key, value in tree.items():
        if isinstance(value, list):
            yield f"{key} = [\n" + "".join(f"    {json.dumps(item, ensure_ascii=False)},\n" for item in value) + "]"
        elif key not in tables:
            yield f"{key} = {json.dumps(value, ensure_ascii=False)}"
    for key, table in tables.items():
        yield f"\n[{key}]"
        yield from (f"{_key(name)} = {json.dumps(value)}" for name, value in table.items())


def _key(name: str) -> str:
    return name if name.replace("_", "").isalnum() else json.dumps(name)
