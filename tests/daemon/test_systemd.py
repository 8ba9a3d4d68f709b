"""The tie to systemd: its own tools judge the units, a manager made of a socket hears the notifications."""

import ctypes
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from kwsd.daemon.systemd import Notifier, inherited_socket
from kwsd.errors import ConfigError
from testkit.daemons import KWSD, Manager, Plug, eventually, phrase, running

UNITS = Path(__file__).parents[2] / "systemd"
SERVICES = ["system", "user"]
PR_SET_MDWE = 65
PR_MDWE_REFUSE_EXEC_GAIN = 1

needs_systemd = pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="needs apt package systemd")


@pytest.fixture
def manager(tmp_path: Path) -> Iterator[Manager]:
    manager = Manager(tmp_path)
    yield manager
    manager.close()


@needs_systemd
@pytest.mark.parametrize(
    ("unit", "most"),
    [
        *((f"system/kwsd{name}", 15) for name in ("", "-wyoming", "-satellite", "-mqtt", "-metrics", "-web")),
        ("user/kwsd", 15),
        ("user/kwsd-satellite", 18),  # it speaks to the network, as this user
    ],
)
def test_exposure_is_low(unit: str, most: int) -> None:
    judged = subprocess.run(
        ["systemd-analyze", "security", "--offline=true", f"--threshold={most}", UNITS / f"{unit}.service"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert judged.returncode == 0, judged.stdout.splitlines()[-1]


@needs_systemd
@pytest.mark.parametrize("kind", [*SERVICES, "examples"])
def test_units_are_clean(tmp_path: Path, kind: str) -> None:
    """`systemd-analyze verify` finds nothing; the programs, which are not installed here, are ours instead."""
    for unit in (UNITS / kind).glob("kwsd*"):
        text = unit.read_text()
        for installed in ("/opt/kwsd/bin/", "%h/.local/bin/"):
            text = text.replace(installed, f"{Path(KWSD).parent}/")
        (tmp_path / unit.name).write_text(text)
    scope = ["--user"] if kind == "user" else []
    (tmp_path / "run").mkdir(mode=0o700)
    verified = subprocess.run(
        ["systemd-analyze", *scope, "--man=no", "verify", *sorted(map(str, tmp_path.glob("kwsd*")))],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "XDG_RUNTIME_DIR": str(tmp_path / "run")},
    )
    assert (verified.returncode, verified.stderr) == (0, "")


def test_a_service_reports_its_life(tmp_path: Path, tiny_model_dir: Path, manager: Manager) -> None:
    """Scenario.

    1. Start: READY=1 with a status. 2. SIGHUP: RELOADING=1 with the time, then READY=1. 3. SIGTERM: STOPPING=1.
    """
    plug = Plug(tmp_path)
    plug.plug_in()
    with running(tmp_path, tiny_model_dir, environment=manager.environment(watchdog_s=1)) as daemon:
        assert eventually(lambda: "listening to" in manager.last("STATUS"))
        assert len(manager.times("READY")) == 1
        daemon.signal(signal.SIGHUP)
        assert eventually(lambda: len(manager.times("READY")) == 2)
        assert len(manager.times("RELOADING")) == 1
        assert abs(int(manager.last("MONOTONIC_USEC")) / 1e6 - manager.times("RELOADING")[0]) < 1
        assert eventually(lambda: len(manager.times("WATCHDOG")) >= 3)
        daemon.signal(signal.SIGTERM)
        daemon.wait()
        assert eventually(lambda: manager.times("STOPPING"))
    plug.pull_out()


def test_it_runs_without_memory_that_is_writable_and_executable(tmp_path: Path, tiny_model_dir: Path) -> None:
    """As under MemoryDenyWriteExecute=, here by prctl(2): the daemon starts, hears and runs a command."""
    libc = ctypes.CDLL(None, use_errno=True)
    plug = Plug(tmp_path)
    plug.plug_in()

    def deny() -> None:
        libc.prctl(PR_SET_MDWE, PR_MDWE_REFUSE_EXEC_GAIN, 0, 0, 0)

    check = "import mmap; mmap.mmap(-1, 4096, prot=mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC)"
    denied = subprocess.run([sys.executable, "-c", check], preexec_fn=deny, capture_output=True, check=False)
    if denied.returncode == 0:
        pytest.skip("this kernel does not know PR_SET_MDWE (Linux 6.3)")
    arguments = ("--exec", f"touch {tmp_path}/done", "--clips")
    with running(tmp_path, tiny_model_dir, *arguments, preexec_fn=deny) as daemon:
        assert eventually(lambda: plug.is_open)
        plug.say(phrase("LIGHT ON"))
        assert eventually((tmp_path / "done").exists), daemon.log
    plug.pull_out()


def test_an_abstract_notify_socket() -> None:
    name = f"\0kwsd-test-{os.getpid()}"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(name)
        with closing(Notifier({"NOTIFY_SOCKET": "@" + name[1:]})) as notifier:
            notifier.send(READY=1, STATUS="all is well")
        assert manager.recv(100) == b"READY=1\nSTATUS=all is well"


def test_without_a_manager_nothing_is_sent() -> None:
    notifier = Notifier({})
    notifier.send(READY=1)
    assert notifier.watchdog_s is None


def test_a_manager_that_is_gone_or_does_not_read_holds_up_nothing(tmp_path: Path) -> None:
    with closing(Notifier({"NOTIFY_SOCKET": str(tmp_path / "gone")})) as notifier:
        notifier.send(READY=1)
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as deaf:
        deaf.bind(str(tmp_path / "deaf"))
        with closing(Notifier({"NOTIFY_SOCKET": str(tmp_path / "deaf")})) as notifier:
            began_s = time.monotonic()
            for _ in range(5000):
                notifier.send(WATCHDOG=1)
            assert time.monotonic() - began_s < 5


def test_an_impossible_notify_socket_is_named() -> None:
    with pytest.raises(ConfigError, match="NOTIFY_SOCKET=tcp"):
        Notifier({"NOTIFY_SOCKET": "tcp:1"})


@pytest.mark.parametrize(
    ("environment", "watchdog_s"),
    [
        ({"WATCHDOG_USEC": "20000000"}, 20.0),
        ({"WATCHDOG_USEC": "20000000", "WATCHDOG_PID": str(os.getpid())}, 20.0),
        ({"WATCHDOG_USEC": "20000000", "WATCHDOG_PID": "1"}, None),
        ({"WATCHDOG_USEC": "0"}, None),
        ({"WATCHDOG_USEC": "soon"}, None),
        ({"WATCHDOG_USEC": "9" * 5000}, None),
    ],
)
def test_the_watchdog_period(environment: dict[str, str], watchdog_s: float | None) -> None:
    assert Notifier(environment).watchdog_s == watchdog_s


def test_sockets_meant_for_another_process_are_left_alone() -> None:
    assert inherited_socket({"LISTEN_PID": "1", "LISTEN_FDS": "1"}) is None
    assert inherited_socket({"LISTEN_PID": str(os.getpid()), "LISTEN_FDS": "0"}) is None


@pytest.mark.parametrize("what", ["a file", "a datagram socket", "a socket that does not listen"])
def test_what_is_no_listening_socket_is_refused(what: str, tmp_path: Path) -> None:
    """In a process of its own, because descriptor 3 is taken here."""
    make = {
        "a file": "f = open('/dev/null'); os.dup2(f.fileno(), 3)",
        "a datagram socket": "s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM); os.dup2(s.fileno(), 3)",
        "a socket that does not listen": "s = socket.socket(socket.AF_UNIX); os.dup2(s.fileno(), 3)",
    }[what]
    program = f"""
import os, socket
from kwsd.daemon.systemd import inherited_socket
{make}
inherited_socket({{"LISTEN_PID": str(os.getpid()), "LISTEN_FDS": "1"}})
"""
    result = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False, cwd=tmp_path)
    assert "ConfigError: LISTEN_FDS: " in result.stderr
