"""What `kwsctl doctor` looks at: each look gives findings, and each finding that is not well says what to do."""

import json
import os
import shutil
import stat
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Literal

from kwsd import __version__
from kwsd.audio.level import advice, measure_level
from kwsd.audio.open import MICROPHONE
from kwsd.cli.run_files import device
from kwsd.cli.trials import KEEPS_UP_RTF, intact_directory, measured_rtf, record
from kwsd.config import LoadedSettings
from kwsd.daemon.saved_state import state_path
from kwsd.errors import AudioError, ConfigError, KwsdError, ModelError, first_few
from kwsd.homes import exists
from kwsd.keywords.files import read_keyword_file
from kwsd.quick_dataclass import dataclass
from kwsd.setup.service import BOOTED

LISTENED_S = 1.0
LEAST_FREE_BYTES = 50 << 20
BUSY = 1.5  # processes that want to run, for each processor
PATIENCE_S = 5.0
FIRST_YEAR = 2026  # this was written: an earlier clock has lost its battery
SHOWN = "LoadState,ActiveState,SubState,Result,ExecMainStatus,NRestarts,StatusText,UnitFileState"
NOT_TRIED_AGAIN = "78"

Verdict = Literal["well", "look", "wrong"]


@dataclass(frozen=True, slots=True)
class Symptom:
    """One thing that was looked at."""

    area: str
    verdict: Verdict
    """`look`: it works, and may still not be what is meant; `wrong`: kwsd does not hear because of it."""
    what: str
    remedy: str = ""


@dataclass(frozen=True, slots=True)
class Patient:
    """What is known before the looks are taken."""

    loaded: LoadedSettings
    mistake: str
    """What is wrong with the settings, which are the defaults then; empty where nothing is."""
    socket: Path
    status: dict[str, Any] | None
    """What the daemon says; None where there is none, or it does not answer."""
    silent_because: str
    """Why there is no status."""


def look_at_settings(patient: Patient) -> Iterator[Symptom]:
    """Whether they can be read at all."""
    if patient.mistake:
        yield Symptom("settings", "wrong", patient.mistake, "kwsd --print-config shows all there are")


def look_at_model(patient: Patient) -> Iterator[Symptom]:
    """Its files, its speed on this machine, and the phrases that it is to hear."""
    from kwsd.acoustic.model import Model  # noqa: PLC0415 - onnxruntime

    settings = patient.loaded.settings
    try:
        model = Model(intact_directory(settings.model))
    except ModelError as error:
        stands_in = settings.fallback.mode in {"auto", "only"}
        yield Symptom("model", "look" if stands_in else "wrong", str(error), "kwsctl models list shows what there is")
        return
    yield Symptom("model", "well", f"{model.name} {model.description.version} in {model.directory}")
    if settings.keywords is None:
        yield Symptom(
            "keywords", "look", "no keyword file is set", "give --keywords FILE, or keywords = in config.toml"
        )
        return
    try:
        found = read_keyword_file(settings.keywords, model.tokenizer)
    except (ConfigError, OSError) as error:
        first, *_ = str(error).splitlines()
        yield Symptom("keywords", "wrong", first, "kwsctl check --keywords FILE names every line")
        return
    for problem in first_few(map(str, found.problems)):
        yield Symptom("keywords", "look", problem, "mend the line; the others are heard")
    more = f", {len(found.problems)} problems" if found.problems else ""
    yield Symptom("keywords", "well", f"{len(found.keywords)} in {settings.keywords}{more}")
    rtf = measured_rtf(model, found.keywords, settings)
    slow = "take fewer keywords or a smaller model, or let kwsd have the machine for itself"
    verdict: Verdict = "wrong" if rtf > KEEPS_UP_RTF else "well"
    yield Symptom("speed", verdict, f"takes {rtf:.1%} of one processor", slow if verdict == "wrong" else "")


def look_at_microphone(patient: Patient) -> Iterator[Symptom]:
    """By what the daemon says of it; where there is none, by listening for a second."""
    status, area = patient.status, "microphone"
    if status is not None:
        for each in status.get("sources") or (status,):
            of, name = f"{each['name']}: " if "name" in each else "", each["microphone"]["name"]
            why = each.get("waiting_because") or each["state"]
            match "deaf" if each.get("deaf") else each["state"]:
                case "listening":
                    told = each.get("level_because", "")
                    yield Symptom(area, "look" if told else "well", f'{of}the daemon listens to "{name}"', told)
                case "muted":
                    yield Symptom(area, "look", f"{of}it is muted, and closed", "kwsctl unmute")
                case "deaf":
                    told = f"{of}sound comes, and nothing is heard of it"
                    yield Symptom(area, "wrong", told, "restart kwsd: systemctl restart kwsd")
                case _:
                    yield Symptom(area, "wrong", f'{of}"{name}": {why}', "kwsd --list-devices names those there are")
        return
    if patient.loaded.settings.input != (MICROPHONE,):
        yield Symptom(area, "well", f"not needed: the input is {', '.join(patient.loaded.settings.input)}")
        return
    from kwsd.audio.microphone import MicrophoneSource  # noqa: PLC0415 - PortAudio, which may not be there

    wanted = tuple((each.device, each.channel) for each in patient.loaded.sources)
    for name, channel in wanted or ((device(patient.loaded), patient.loaded.settings.channel),):
        try:
            source = MicrophoneSource(name, channel)
            level = measure_level(record(source, LISTENED_S))
        except AudioError as error:
            yield Symptom(area, "wrong", str(error), "kwsd --list-devices names those there are")
            continue
        heard = f'"{source.name}" at {source.rate_hz} Hz, level {level.rms_dbfs:.0f} dBFS'
        todo = advice(level)
        yield Symptom(area, "look" if todo else "well", heard, todo.text if todo else "")


def look_at_permissions(patient: Patient) -> Iterator[Symptom]:
    """Sound devices, and who may read or exchange what kwsd reads and keeps."""
    area, settings = "permissions", patient.loaded.settings
    before = [path for path in Path("/dev/snd").glob("pcm*c") if not os.access(path, os.R_OK | os.W_OK)]
    if before:
        yield Symptom(
            area, "look", f"{before[0]} is not for this user", "sudo usermod -aG audio $USER, then log in again"
        )
    for path in (patient.loaded.file, settings.keywords, settings.daemon.save_detections):
        if path is None or not exists(path):
            continue
        if not os.access(path, os.R_OK):
            yield Symptom(area, "wrong", f"{path} cannot be read", f"ls -l {path} shows by whom it can")
        elif path.stat().st_mode & stat.S_IWOTH:
            yield Symptom(area, "look", f"{path} may be changed by everybody", f"chmod o-w {path}")
    state = state_path(patient.socket)
    for path in (state, settings.daemon.save_detections):
        if path is not None and exists(path) and path.stat().st_mode & stat.S_IROTH:
            yield Symptom(area, "look", f"{path} may be read by everybody", f"chmod o-rwx {path}")
    home = state.parent if state else None
    while home is not None and not exists(home):
        home = home.parent
    if home is None or not os.access(home, os.W_OK):
        yield Symptom(
            area, "look", "mute and keywords of programs are forgotten at a restart", f"make {state} writable"
        )
    else:
        yield Symptom(area, "well", f"what is to be read can be read; state is kept in {home}")


def look_at_units(_: Patient) -> Iterator[Symptom]:
    """What systemd says of kwsd.service, the system's and this user's."""
    shown = list(units())
    if not BOOTED.is_dir():
        yield Symptom("units", "well", "systemd does not run here, so it starts no kwsd; kwsd --keywords FILE does")
    elif not shown:
        yield Symptom("units", "well", "no unit is installed; kwsctl install-service installs one")
    for scope, unit in shown:
        command = f"systemctl {scope} status kwsd".replace(" --system", "")
        log = f"journalctl {scope} -u kwsd -n 30".replace(" --system", "")
        state = f"{unit['ActiveState']} ({unit['SubState']}), {unit['UnitFileState'] or 'not enabled'}"
        if unit["ExecMainStatus"] == NOT_TRIED_AGAIN:
            yield Symptom("units", "wrong", f"{state}: a setting, keyword file or model is wrong", log)
        elif unit["ActiveState"] in {"failed", "activating"}:
            yield Symptom("units", "wrong", f"{state}: {unit['Result']}", log)
        elif unit["NRestarts"] not in {"", "0"}:
            yield Symptom("units", "look", f"{state}, restarted {unit['NRestarts']} times", log)
        else:
            yield Symptom("units", "well", f"{state}: {unit['StatusText'] or 'says nothing'}", "")
        if unit["ActiveState"] == "inactive":
            yield Symptom("units", "look", "installed, but not running", f"{command}; systemctl {scope} start kwsd")


def units() -> Iterator[tuple[str, dict[str, str]]]:
    """Scope and properties of each kwsd.service that is installed."""
    systemctl = shutil.which("systemctl")
    for scope in ("--system", "--user"):
        if systemctl is None or not BOOTED.is_dir():
            return
        text = output_of(systemctl, scope, "show", "kwsd.service", f"--property={SHOWN}")
        found = dict.fromkeys(SHOWN.split(","), "") | dict(
            line.split("=", 1) for line in text.splitlines() if "=" in line
        )
        if found["LoadState"] == "loaded":
            yield scope, found


def look_at_socket(patient: Patient) -> Iterator[Symptom]:
    """Whether the daemon answers there, and whether it is of this version."""
    status = patient.status
    if status is None:
        running = any(unit["ActiveState"] == "active" for _, unit in units())
        there = exists(patient.socket) or running
        yield Symptom("socket", "wrong" if there else "look", patient.silent_because)
        return
    if status["version"] != __version__:
        told = f"the daemon is kwsd {status['version']}, this kwsctl {__version__}"
        yield Symptom("socket", "look", told, "restart it: systemctl restart kwsd")
    if not status["keywords"]:
        yield Symptom("keywords", "look", "no keyword is switched on in the daemon", "enabled = true in its file")
    if status["dropped_events"]:
        told = f"{status['dropped_events']} events were too fast for a subscriber"
        yield Symptom("socket", "look", told, "read faster")
    yield Symptom("socket", "well", f"{patient.socket} answers, {status['subscribers']} connections")


def look_at_load(patient: Patient) -> Iterator[Symptom]:
    """Processor, lost sound, memory and disk."""
    status, area = patient.status, "load"
    wanting, processors = os.getloadavg()[0], os.cpu_count() or 1
    if wanting > BUSY * processors:
        told = f"{wanting:.1f} processes want {processors} processors"
        yield Symptom(area, "look", told, "top shows which; sound is lost when kwsd does not get its turn")
    if status is not None and status["overruns"]:
        told = f"{status['lost_ms']:.0f} ms of sound were lost, in {status['overruns']} overruns"
        yield Symptom(area, "look", told, "see speed above; a longer backlog_s rides out hiccups")
    if status is not None and status["degraded"]:
        yield Symptom(area, "wrong", status["degraded_because"], "see model and speed above")
    if status is not None and status.get("lost_files"):
        told = f"{status['lost_files']} files of sound could not be saved"
        yield Symptom(area, "look", told, "the log says why: journalctl -u kwsd")
    if status is not None and status.get("skipped_commands"):
        told = f"{status['skipped_commands']} commands were not run, for others still ran"
        yield Symptom(area, "look", told, "a quicker command, or a higher exec_limit")
    place = patient.loaded.settings.daemon.save_detections or Path("/")
    free = shutil.disk_usage(place if exists(place) else "/").free
    if free < LEAST_FREE_BYTES:
        yield Symptom(area, "wrong", f"{place}: {free >> 20} MB are free", "make room, or lower save_limit_mb")
    yield Symptom(area, "well", f"{wanting:.1f} of {processors} processors wanted, {free >> 20} MB of disk free")


def look_at_clock(_patient: Patient) -> Iterator[Symptom]:
    """The clock on the wall."""
    now = time.gmtime()
    told = time.strftime("%Y-%m-%d %H:%M UTC", now)
    timedatectl = shutil.which("timedatectl")
    set_it = "sudo timedatectl set-ntp true"
    if now.tm_year < FIRST_YEAR:
        yield Symptom("clock", "wrong", f"it says {told}: times of events and of certificates are wrong", set_it)
    elif timedatectl and output_of(timedatectl, "show", "--property=NTPSynchronized", "--value").strip() == "no":
        yield Symptom("clock", "look", f"{told}, not synchronised: times of events may be off", set_it)
    else:
        yield Symptom("clock", "well", told)


LOOKS: tuple[Callable[[Patient], Iterator[Symptom]], ...] = (
    look_at_settings,
    look_at_model,
    look_at_microphone,
    look_at_permissions,
    look_at_units,
    look_at_socket,
    look_at_load,
    look_at_clock,
)


def examine(patient: Patient) -> Iterator[Symptom]:
    """Every look, one after the other; one that fails is a finding itself."""
    for look in LOOKS:
        try:
            yield from look(patient)
        except (KwsdError, OSError, KeyError, TypeError) as error:
            area = look.__name__.removeprefix("look_at_")
            yield Symptom(area, "wrong", f"cannot be looked at: {error}", "report it: kwsctl doctor --bundle FILE")


def output_of(*command: str) -> str:
    """What a program of the system prints; nothing where it fails or takes too long."""
    try:
        done = subprocess.run(  # noqa: S603 - programs and arguments are ours
            command, capture_output=True, text=True, errors="replace", timeout=PATIENCE_S, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout


def as_json(finding: Symptom) -> str:
    """One line."""
    return json.dumps(
        {"area": finding.area, "verdict": finding.verdict, "what": finding.what, "remedy": finding.remedy}
    )
