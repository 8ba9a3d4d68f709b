"""One file for a bug report: how kwsd is set and how it is doing, without sound, names and keywords unless allowed."""

import getpass
import json
import os
import platform
import re
import shutil
import socket
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import asdict
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, Literal, get_origin

from kwsd import __version__
from kwsd.cli.doctor import Patient, Symptom, output_of, units
from kwsd.config.load import keys
from kwsd.daemon.saved_state import StateFile, state_path
from kwsd.keywords.text_lines import read_lines
from kwsd.records import now
from kwsd.small_files import read_small

LIBRARIES = (
    "kaldi-native-fbank",
    "numpy",
    "onnxruntime",
    "pydantic",
    "sentencepiece",
    "sounddevice",
    "soundfile",
    "soxr",
)
TELLING = {
    "model",
    "raw",
    "daemon.socket_mode",
    "fallback.words",
    "mqtt.commands",
    "wyoming.languages",
}
"""Settings whose text is shown. People write what they like in all the others: hosts, commands, names, passwords."""
LOG_LINES = 200
WORDS = r"(?<![^\W_]){}(?![^\W_])"
QUOTED = re.compile(r"""(["'`“‘])(?:(?!\1).){1,500}?(["'`”’])""")


class Redactor:
    """Takes out of every text what is not allowed to be in it."""

    def __init__(self, keywords: Iterable[str], names: Iterable[str], allowed: Sequence[str]) -> None:
        """`allowed` may hold `keywords` and `names`."""
        secrets = {} if "keywords" in allowed else dict.fromkeys(keywords, "keyword")
        secrets |= {} if "names" in allowed else dict.fromkeys(names, "name")
        longest_first = sorted(filter(says_something, secrets), key=len, reverse=True)
        self._numbers: dict[str, str] = {}
        for text in longest_first:
            self._numbers.setdefault(text.casefold(), f"<{secrets[text]} {len(self._numbers) + 1}>")
        # a keyword counts as words of its own: "on" is not to be taken out of every reason
        forms = (
            WORDS.format(re.escape(text)) if secrets[text] == "keyword" else re.escape(text) for text in longest_first
        )
        self._secret = re.compile("|".join(forms) or r"(?!)", re.IGNORECASE)
        self._quotes_too = "keywords" not in allowed or "names" not in allowed

    def clean(self, value: Any) -> Any:
        """The same tree without them, in keys as well."""
        match value:
            case dict():
                return {self.clean(str(key)): self.clean(each) for key, each in value.items()}
            case list() | tuple():
                return [self.clean(each) for each in value]
            case str():
                return self._secret.sub(lambda found: self._numbers.get(found[0].casefold(), "<left out>"), value)
        return value

    def clean_line(self, line: str) -> str:
        """Of a log or a message: what stands in quotation marks was named by somebody as well."""
        return str(self.clean(QUOTED.sub(r"\1…\2", line) if self._quotes_too else line))


def says_something(text: str) -> bool:
    """Whether leaving it out leaves the rest readable: a single letter stands in everything."""
    return len(text) > 1 or not text.isascii()


def make_report(patient: Patient, findings: Sequence[Symptom], allowed: Sequence[str]) -> str:
    """JSON text."""
    redactor = Redactor(keywords_of(patient), names_of(patient), allowed)
    told = [{name: redactor.clean_line(text) for name, text in asdict(finding).items()} for finding in findings]
    status = dict(patient.status or {})
    lines = {name for name, value in status.items() if isinstance(value, str)} - {"version", "state"}
    status |= {name: redactor.clean_line(status[name]) for name in lines}
    report = {
        "made": now(),
        "left_out": sorted({"keywords", "names", "sound"} - set(allowed)),
        "machine": machine(),
        "findings": told,
        "settings": redactor.clean(dict(settings_of(patient))),
        "status": redactor.clean(status),
        "units": {scope: {key: redactor.clean_line(text) for key, text in unit.items()} for scope, unit in units()},
        "log": [redactor.clean_line(line) for line in log_lines()],
    }
    return json.dumps(report, ensure_ascii=True, indent=1) + "\n"


def machine() -> dict[str, Any]:
    """What kwsd runs on."""
    return {
        "kwsd": __version__,
        "python": platform.python_version(),
        "system": f"{platform.system()} {platform.release()} {platform.machine()}",
        "libc": " ".join(platform.libc_ver()),
        "processors": os.cpu_count(),
        "load": os.getloadavg(),
        "variables": sorted(name for name in os.environ if name.startswith("KWSD_")),
        "libraries": {name: installed(name) for name in LIBRARIES},
    }


def installed(name: str) -> str:
    """Version of a package."""
    try:
        return version(name)
    except PackageNotFoundError:
        return "not installed"


def settings_of(patient: Patient) -> Iterator[tuple[str, Any]]:
    """Dotted key → what differs from the default, and where it comes from."""
    for key, allowed in keys():
        origin = patient.loaded.origins.get(key)
        if origin is None:
            continue
        value: Any = patient.loaded.settings
        for part in key.split("."):
            value = getattr(value, part)
        is_number = isinstance(value, bool | int | float | None)
        shown = isinstance(value, Path) or get_origin(allowed) is Literal or key in TELLING
        yield key, {"value": value if is_number else str(value) if shown else "(set)", "from": str(origin)}


def keywords_of(patient: Patient) -> Iterator[str]:
    """All that anybody might have named: lines and phrases of the file, what the daemon hears, what is kept for it."""
    status = patient.status or {}
    yield from status.get("keywords", ())
    for counted in ("detections_by_keyword", "near_misses_by_keyword"):
        yield from status.get(counted, {})
    sources = patient.loaded.sources
    for source in ("", *(each.name for each in sources)):
        state = state_path(patient.socket, source)
        for keyword in (StateFile(state).now.keywords if state else None) or ():
            yield from (keyword.phrase, keyword.label, *keyword.spellings)
    for file in {patient.loaded.settings.keywords, *(each.keywords for each in sources)}:
        yield from keywords_in(file)


def keywords_in(file: Path | None) -> Iterator[str]:
    """All that a keyword file names, and its lines; nothing of one that cannot be read."""
    try:
        content = read_small(file) if file else b""
    except (OSError, ValueError):
        return
    yield from (line.strip() for line in content.decode(errors="replace").splitlines())
    for line in read_lines(content):
        if line.keyword is not None:
            yield from (line.keyword.phrase, line.keyword.label)
    yield from re.findall(r'["\']([^"\'\n]+)["\']', content.decode(errors="replace"))  # of TOML


def names_of(patient: Patient) -> Iterator[str]:
    """Of the user, the machine, and the microphone, which is often called after its owner."""
    home = Path("~").expanduser()
    yield from (str(home), home.name, socket.gethostname(), socket.gethostname().split(".")[0])
    with suppress(OSError, KeyError):  # a user id that nobody knows
        yield getpass.getuser()
    if patient.status is not None:
        yield patient.status["microphone"]["name"]
    if patient.loaded.settings.device:
        yield patient.loaded.settings.device


def log_lines() -> list[str]:
    """The newest of the units' log, as far as this user may read it."""
    journalctl = shutil.which("journalctl")
    if journalctl is None:
        return []
    wanted = ("-u", "kwsd", "-n", str(LOG_LINES), "-o", "short-iso", "--no-hostname", "--no-pager")
    return [line for scope in ("--system", "--user") for line in output_of(journalctl, scope, *wanted).splitlines()]
