"""How often and how long, as people type it: 0.1/h, 2/d, 8h, 30m."""

import argparse
import math
import re

_HOURS = {"h": 1.0, "d": 24.0, "w": 168.0}
_SECONDS = {"s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}


def per_hour(typed: str) -> float:
    """`0.1/h`, `2/d`, or a bare number an hour → events an hour. Raises ArgumentTypeError."""
    found = re.fullmatch(r"(\d*\.?\d+)(?:/([hdw]))?", typed.strip())
    rate = float(found[1]) / _HOURS[found[2] or "h"] if found else 0.0
    if not 0 < rate <= 1000:  # noqa: PLR2004 - more than one in four seconds is no wish
        raise argparse.ArgumentTypeError(f"{typed!r} is no rate; write one such as 0.1/h or 2/d")
    return rate


def duration_s(typed: str) -> float:
    """`8h`, `30m`, `90s` → seconds. Raises ArgumentTypeError."""
    found = re.fullmatch(r"(\d*\.?\d+)([smhd])", typed.strip())
    length_s = float(found[1]) * _SECONDS[found[2]] if found else 0.0
    if not 0 < length_s <= 7 * _SECONDS["d"] or not math.isfinite(length_s):
        raise argparse.ArgumentTypeError(f"{typed!r} is no time of up to a week; write one such as 8h or 30m")
    return length_s
