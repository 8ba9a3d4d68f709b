"""Writes model.toml: what the daemon must know of each exported model, and where it comes from."""

import hashlib
import tomllib
from collections.abc import Mapping
from pathlib import Path

from measure.commands import LABELS, WORDS
from training.commands12.models.registry import RECIPES

VERSION = "1"
LICENCE = "Apache-2.0"
DEFAULT_THRESHOLD = 0.7
TRAINING_DATA = (
    "Google Speech Commands v0.02 (CC BY 4.0): training split as log-mel pictures, 361 training clips as audio",
    "negatives and babble: LibriSpeech train-clean-5 (CC BY 4.0), Common Voice English (CC0), speechocean762",
    "negatives and babble: Kathleen's CMU Arctic (CC0), LJ Speech (public domain), alphanumeric-duke (MIT)",
    "noise: ESC-10 (CC BY 3.0 or CC0), Speech Commands background (CC BY 4.0), Mycroft, a-n-rose, felixchenfy (MIT)",
    "rooms: RealRoomBRIRs, University of Surrey (MIT)",
)


def known_thresholds(path: Path) -> dict[str, Mapping[str, float]]:
    """Thresholds per model that an earlier model.toml has, so that a new export keeps them."""
    if not path.exists():
        return {}
    models = tomllib.loads(path.read_text(encoding="utf-8"))["models"]
    return {name: table["thresholds"] for name, table in models.items()}


def describe(folder: Path, thresholds: Mapping[str, Mapping[str, float]] | None = None) -> None:
    """Write model.toml for the ONNX files that lie in `folder`; thresholds that are not given are kept."""
    path = folder / "model.toml"
    chosen = {**known_thresholds(path), **(thresholds or {})}
    lines = [
        "# Written by `python -m training.commands12 export`; the model card is README.md.",
        f'version = "{VERSION}"',
        f'licence = "{LICENCE}"',
        f"labels = {quoted(LABELS)}",
        f"training_data = {quoted(TRAINING_DATA)}",
    ]
    for name, recipe in RECIPES.items():
        file = folder / f"{name}.onnx"
        if file.exists():
            lines += model_lines(name, recipe.engine, file, chosen.get(name, {}))
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")


def model_lines(name: str, engine: str, file: Path, thresholds: Mapping[str, float]) -> list[str]:
    """The tables of one model."""
    return [
        "",
        f"[models.{name}]",
        f'engine = "{engine}"',
        f'file = "{file.name}"',
        f'sha256 = "{hashlib.sha256(file.read_bytes()).hexdigest()}"',
        "",
        f"[models.{name}.thresholds]",
        *(f"{quoted_key(word)} = {thresholds.get(word, DEFAULT_THRESHOLD)}" for word in WORDS),
    ]


def quoted_key(word: str) -> str:
    """`on` and `off`, `yes` and `no` are only words in TOML, but quotes leave no doubt."""
    return f'"{word}"'


def quoted(texts: tuple[str, ...]) -> str:
    """A TOML array of strings, one per line."""
    return "[\n" + "".join(f'    "{text}",\n' for text in texts) + "]"
