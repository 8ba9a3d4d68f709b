"""The units, as they are, under a real systemd: that of a desktop session, and that of a machine."""

import grp
import json
import shutil
import site
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from testkit.booted import HOME, RUNTIME, UNITS, Manager, NoManagerError, system_manager, user_manager
from testkit.daemons import KWSCTL, PROGRAM, Plug, eventually, phrase
from testkit.serving import Client

REPOSITORY = Path(__file__).parents[2]
USER_SOCKET = RUNTIME / "kwsd" / "kwsd.sock"
SYSTEM_SOCKET = Path("/run/kwsd/kwsd.sock")

SOONER = "[Service]\nWatchdogSec=3\nRestartSec=100ms\n"
"""Drop-in, so that a test need not wait for the 20 s of the unit."""

SAVING = 'save_detections = "/var/lib/kwsd/detections"\nexec = "/usr/bin/touch /var/lib/kwsd/executed"\n'
"""Settings of the daemon's section, with which the system's file ends."""

FILTERING = "2"  # seccomp(2), as /proc/PID/status shows it
SHOWN = Path("/run/shown")
"""What the example writes; the journal is not there."""

EXITED = "1"  # CLD_EXITED: it has run
DYNAMIC_USERS = range(61184, 65520)


@pytest.fixture(scope="module")
def session(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Manager]:
    try:
        with user_manager(tmp_path_factory.mktemp("session") / "log") as manager:
            yield manager
    except NoManagerError as reason:
        pytest.skip(str(reason))


@pytest.fixture
def home(session: Manager, tiny_model_dir: Path) -> Iterator[Path]:
    """A home as `kwsctl install-service` leaves it, but that its kwsd has a microphone made of a socket."""
    home = session.outside(HOME)
    units = home / ".config/systemd/user"
    (units / "kwsd.service.d").mkdir(parents=True)
    for unit in (REPOSITORY / "systemd" / "user").glob("kwsd.*"):
        shutil.copy(unit, units)
    (units / "kwsd.service.d" / "sooner.conf").write_text(SOONER)
    shutil.copytree(tiny_model_dir, home / "model")
    configure("user", home / ".config/kwsd", HOME / "model")
    program(home / ".local/bin/kwsd", f"{sys.executable} {PROGRAM} {HOME}")
    program(home / ".local/bin/kwsctl", KWSCTL)
    session.systemctl("daemon-reload")
    yield home
    session.systemctl("stop", "kwsd.socket", "kwsd.service")
    session.systemctl("reset-failed")
    for child in home.iterdir():
        shutil.rmtree(child) if child.is_dir() else child.unlink()


@pytest.fixture
def plug(home: Path) -> Iterator[Plug]:
    with Plug(home) as plug:
        yield plug


@pytest.fixture
def machine(tmp_path: Path) -> Iterator[Manager]:
    try:
        with system_manager(tmp_path / "log") as manager:
            yield manager
    except NoManagerError as reason:
        pytest.skip(str(reason))


def configure(kind: str, directory: Path, model: Path, more: str = "") -> None:
    """The settings that are installed, but for the model, and more at their end; and phrases."""
    directory.mkdir(parents=True, exist_ok=True)
    installed = (REPOSITORY / "systemd" / kind / "config.toml").read_text()
    (directory / "config.toml").write_text(f"model = {json.dumps(str(model))}\n{installed}{more}")
    (directory / "keywords.txt").write_text("LIGHT ON\n")


def program(path: Path, command: str) -> None:
    """A command that passes its arguments on to another."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f'#!/bin/sh\nexec {command} "$@"\n')
    path.chmod(0o755)


def heard(socket: Path, plug: Plug) -> str:
    """A phrase is said; what a subscriber is told."""
    with Client(socket) as client:
        assert client.read()["type"] == "hello"
        assert eventually(lambda: plug.is_open)
        plug.say_all(phrase("LIGHT ON"))
        keyword: str = client.read_until("detection")["keyword"]
        return keyword


def test_a_users_service_from_start_to_stop(session: Manager, plug: Plug, home: Path) -> None:
    """Scenario.

    1. `systemctl --user start kwsd` returns when it is ready; systemd shows what it listens to.
    2. A phrase is said: a subscriber at %t/kwsd/kwsd.sock hears of it, with the filter of system calls in force.
    3. `systemctl --user reload kwsd` reads the keyword file again; of one that cannot be used it fails, and shows why.
    4. Decoding hangs: the watchdog starves and systemd starts it anew; it hears again.
    5. It is muted; `systemctl --user restart kwsd`: it still is.
    6. `systemctl --user stop kwsd`: it ends well, and its socket is gone.
    """
    socket = session.outside(USER_SOCKET)
    started = session.systemctl("start", "kwsd")
    assert started.returncode == 0, started.stderr + session.systemctl("status", "kwsd").stdout
    assert session.show("kwsd", "ActiveState") == "active"
    assert eventually(lambda: session.show("kwsd", "StatusText").startswith("listening to"))
    assert heard(socket, plug) == "LIGHT ON"
    assert session.status_of("kwsd")["Seccomp"] == FILTERING

    with Client(socket) as client:
        client.read()
        assert session.systemctl("reload", "kwsd").returncode == 0
        assert client.read_until("reloaded")["keywords"] == ["LIGHT ON"]
        (home / ".config/kwsd/keywords.txt").write_text("\N{GRINNING FACE}\n", encoding="utf-8")
        assert session.systemctl("reload", "kwsd").returncode != 0
        assert eventually(lambda: "keywords.txt:1" in session.show("kwsd", "StatusText"))
        assert session.show("kwsd", "ActiveState") == "active"
        (home / ".config/kwsd/keywords.txt").write_text("LIGHT ON\n")
        assert client.read_until("reloaded")["keywords"] == ["LIGHT ON"]

    first = session.show("kwsd", "MainPID")
    (home / "hang").touch()
    assert eventually(lambda: session.show("kwsd", "NRestarts") == "1", 15)
    (home / "hang").unlink()
    assert eventually(lambda: session.show("kwsd", "ActiveState") == "active", 15)
    assert session.show("kwsd", "MainPID") != first
    assert heard(socket, plug) == "LIGHT ON"

    with Client(socket) as client:
        assert client.ask(command="mute")["ok"]
    assert session.systemctl("restart", "kwsd").returncode == 0
    with Client(socket) as client:
        assert client.ask(command="status")["data"]["state"] == "muted"

    assert session.systemctl("stop", "kwsd").returncode == 0
    assert session.show("kwsd", "Result") == "success"
    assert not socket.exists()


def test_a_socket_that_systemd_opens(session: Manager, plug: Plug) -> None:
    """Scenario.

    1. Only kwsd.socket is started. A subscriber connects: that starts the service, which greets it and hears.
    2. The service is killed: the socket stays, who connects at once is greeted by the next one.
    """
    socket = session.outside(USER_SOCKET)
    assert session.systemctl("start", "kwsd.socket").returncode == 0
    assert session.show("kwsd.service", "ActiveState") == "inactive"
    assert heard(socket, plug) == "LIGHT ON"
    session.systemctl("kill", "--signal=SIGKILL", "kwsd.service")
    assert heard(socket, plug) == "LIGHT ON"
    assert session.show("kwsd.service", "NRestarts") == "1"


def test_a_wrong_setting_is_not_tried_again(session: Manager, home: Path) -> None:
    """Exit code 78: the unit fails at once and stays so."""
    (home / ".config/kwsd/config.toml").write_text('keywrods = "keywords.txt"\n')
    assert session.systemctl("start", "kwsd").returncode != 0
    assert session.show("kwsd", "ExecMainStatus") == "78"
    assert session.show("kwsd", "ActiveState") == "failed"
    assert session.show("kwsd", "NRestarts") == "0"


def test_the_systems_service(machine: Manager, tiny_model_dir: Path) -> None:
    """Scenario.

    1. `systemctl start kwsd` returns when it is ready, as a user made for it, without any capability.
    2. /run/kwsd/kwsd.sock belongs to the group audio. A phrase is said: a subscriber there hears of it.
    3. Its sound is saved below /var/lib/kwsd, the command for it has run, and so has the example for path activation.
    4. `systemctl reload kwsd`: the list is read again. 5. `systemctl stop kwsd`: it ends well.
    """
    install_for_the_machine(machine, tiny_model_dir)
    plug = Plug(machine.outside(Path("/opt")))
    plug.plug_in()
    plug.path.chmod(0o777)  # it is root's, as a microphone would not be
    assert machine.systemctl("start", "kwsd-clip.path").returncode == 0
    started = machine.systemctl("start", "kwsd")
    assert started.returncode == 0, started.stderr + machine.systemctl("status", "kwsd").stdout
    status = machine.status_of("kwsd")
    assert int(status["Uid"].split()[0]) in DYNAMIC_USERS
    assert (int(status["CapEff"], 16), status["Seccomp"]) == (0, FILTERING)
    socket = machine.outside(SYSTEM_SOCKET)
    assert (socket.stat().st_gid, socket.stat().st_mode & 0o777) == (grp.getgrnam("audio").gr_gid, 0o660)
    assert heard(socket, plug) == "LIGHT ON"
    state = machine.outside(Path("/var/lib/kwsd"))
    assert eventually(lambda: list((state / "detections").glob("*.wav")))
    assert (state / "executed").exists()
    assert eventually(lambda: machine.show("kwsd-clip.service", "ExecMainCode") == EXITED, 10)
    assert machine.show("kwsd-clip.service", "ExecMainStatus") == "0"
    assert machine.outside(SHOWN).read_text().endswith("light_on.wav\n")
    reloaded = machine.systemctl("reload", "kwsd")
    assert reloaded.returncode == 0, reloaded.stderr + machine.systemctl("status", "kwsd").stdout
    assert machine.systemctl("stop", "kwsd").returncode == 0
    assert machine.show("kwsd", "Result") == "success"
    plug.pull_out()


def install_for_the_machine(machine: Manager, model: Path) -> None:
    """As `kwsctl install-service` does; this Python and this checkout, which may lie in a home, are shown in /opt."""
    opt = machine.outside(Path("/opt"))
    for kind in ("system", "examples"):
        for unit in (REPOSITORY / "systemd" / kind).glob("kwsd*.*"):
            shutil.copy(unit, machine.outside(UNITS))
    shutil.copytree(model, opt / "model")
    configure("system", machine.outside(Path("/etc/kwsd")), Path("/opt/model"), SAVING)
    for name, shown in (
        ("python", sys.base_prefix),
        ("packages", site.getsitepackages()[0]),
        ("kwsd-source", REPOSITORY),
    ):
        (opt / name).mkdir()
        mounted = machine.run("mount", "--bind", str(shown), f"/opt/{name}")
        assert mounted.returncode == 0, mounted.stderr
    source = Path("/opt/kwsd-source")
    places = f"LD_LIBRARY_PATH=/opt/python/lib PYTHONPATH=/opt/packages:{source}"
    python = f"env {places} /opt/python/bin/python{sys.version_info[0]}.{sys.version_info[1]}"
    program(opt / "kwsd/bin/kwsd", f"{python} {source / 'testkit' / PROGRAM.name} /opt")
    program(opt / "kwsd/bin/kwsctl", f"{python} -c 'import sys, kwsd.cli.kwsctl; sys.exit(kwsd.cli.kwsctl.main())'")
    drop = machine.outside(UNITS / "kwsd-clip.service.d")
    drop.mkdir()
    (drop / "seen.conf").write_text(f"[Service]\nStandardOutput=file:{SHOWN}\n")
    machine.systemctl("daemon-reload")
