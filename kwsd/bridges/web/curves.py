"""Curves of `kwsctl tune --json`, as the page draws them."""

import math
from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from kwsd.errors import KwsdError
from kwsd.homes import user_directory
from kwsd.small_files import parse_json, read_small
from kwsd.tuning.kept import CURVES_FILE

MOST_BYTES = 4 << 20


class CurveError(KwsdError):
    """The file holds no curves."""


class CurvePoint(BaseModel):
    """What a threshold gives; intervals hold 95 %."""

    model_config = ConfigDict(frozen=True)
    threshold: float
    recall: float
    recall_low: float
    recall_high: float
    false_per_hour: float
    false_low: float
    false_high: float


class TunedKeyword(BaseModel):
    """One keyword."""

    model_config = ConfigDict(frozen=True)
    keyword: str
    recordings: int
    hours: float
    points: Annotated[tuple[CurvePoint, ...], Field(max_length=1000)]
    proposed: CurvePoint
    doubts: tuple[str, ...] = ()


CURVES = TypeAdapter(list[TunedKeyword])


def read_curves(file: Path | None) -> list[dict[str, Any]]:
    """Those of the file, else what `kwsctl tune` measured last; none without. Raises CurveError."""
    home = user_directory("state")
    last = home / "tuning" / CURVES_FILE if home else None
    file = file or (last if last and last.exists() else None)
    if file is None:
        return []
    try:
        lines = read_small(file.expanduser(), MOST_BYTES).decode().splitlines()
        curves = CURVES.validate_python([parse_json(line) for line in lines if line.strip()])
    except OSError as error:
        raise CurveError(f"{file}: cannot be read: {error.strerror}") from None
    except (ValueError, ValidationError):
        raise CurveError(f"{file}: is not what `kwsctl tune --json` prints") from None
    return [known_numbers(curve.model_dump()) for curve in curves]


def known_numbers(value: Any) -> Any:
    """Infinity, which JSON has no word for, becomes None."""
    if isinstance(value, dict):
        return {key: known_numbers(part) for key, part in value.items()}
    if isinstance(value, list | tuple):
        return [known_numbers(part) for part in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
