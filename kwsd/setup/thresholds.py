"""Thresholds that somebody set, wherever: in the settings, in keyword files, over the socket."""

from collections.abc import Iterator, Sequence
from pathlib import Path

from kwsd.config import LoadedSettings
from kwsd.keywords.keyword import Keyword
from kwsd.keywords.text_lines import read_lines
from kwsd.keywords.toml_tables import read_tables
from kwsd.small_files import parse_json, read_small

STATES = "state-*.json"
JUDGING = {
    "search": ("threshold", "running_threshold", "min_score", "min_margin", "margin_per_token", "alone_margin"),
    "intents": ("threshold",),
    "fallback": ("threshold",),
}
"""Settings that scores are held against, by their sections."""
OF_A_MODEL = "model "
"""Where a setting comes from that nobody set."""


def keyword_files(loaded: LoadedSettings) -> Sequence[Path]:
    """The keyword file, and the lists that follow its keywords."""
    first = loaded.settings.keywords
    if first is None:
        return ()
    return list(dict.fromkeys([first, *(first.parent / each.then for _, each in _keywords(first) if each.then)]))


def find_thresholds(loaded: LoadedSettings, state: Path) -> Iterator[str]:
    """A line each, with its place."""
    for section, name in ((section, name) for section, names in JUDGING.items() for name in names):
        origin = loaded.origins.get(f"{section}.{name}", OF_A_MODEL)
        if not origin.startswith(OF_A_MODEL):
            yield f"{origin}: {section}.{name} = {getattr(getattr(loaded.settings, section), name)}"
    for path in keyword_files(loaded):
        for place, each in _keywords(path):
            given = [f"{name} = {getattr(each, name)}" for name in ("threshold", "min_score") if getattr(each, name)]
            if given:
                yield f"{path}{place}: {each.label}: {', '.join(given)}"
    for path in sorted(state.glob(STATES)):
        try:
            found = parse_json(read_small(path))
            by_label = {each["phrase"]: each.get("threshold") for each in found.get("keywords") or ()}
            by_label |= found.get("thresholds", {})
        except (OSError, ValueError, AttributeError, KeyError, TypeError):  # told by who carries it over
            continue
        yield from (
            f"{path}: {label or 'every keyword'}: threshold = {value}, set by a program"
            for label, value in by_label.items()
            if value is not None
        )


def _keywords(path: Path) -> Iterator[tuple[str, Keyword]]:
    """Place and keyword of each usable entry, whether a model can hear it or not."""
    try:
        content = read_small(path)
        entries = read_tables(content) if path.suffix.lower() == ".toml" else read_lines(content)
        yield from ((f":{each.line}" if each.line else "", each.keyword) for each in entries if each.keyword)
    except (OSError, ValueError):  # told by who reads it to listen for it
        return
