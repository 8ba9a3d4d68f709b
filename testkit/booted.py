"""A real systemd to run units under: in a control group and namespaces of its own, so that nothing else notices.

`user_manager` is that of a desktop session, `system_manager` that of a whole machine (as in a container). Either takes
root and a cgroup2 hierarchy that can be written.
"""

import os
import shutil
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import psutil

from testkit.daemons import eventually

HOME = Path("/run/home")
"""Of the user whose manager it is, inside."""
RUNTIME = Path("/run/user/0")
"""%t of that user, inside."""
UNITS = Path("/run/units")
"""Where the system's manager looks for units, and nowhere else."""

HIDDEN = tuple(map(Path, ("/tmp", "/var/tmp", "/var/lib", "/var/cache", "/var/log", "/opt", "/run")))  # noqa: S108
"""What a service or its manager sees another of: a checkout there cannot be run from."""

STARTS_S = 20.0
STARTED = ("running", "degraded")  # degraded: some unit of this machine failed, none of ours
TARGETS = ("sysinit", "basic", "sockets", "multi-user", "shutdown", "umount", "final", "nothing")

OWN_RUN = """
set -e
cd /
mount -t tmpfs tmpfs /run
mount -t tmpfs tmpfs /sys/fs/cgroup
mount -t cgroup2 cgroup2 /sys/fs/cgroup
"""

# The system's manager would have made the sign that systemd runs, and what hides files from a service.
USER_SETUP = f"""{OWN_RUN}
mkdir -p /run/systemd/system /run/systemd/inaccessible {HOME} {RUNTIME}
cd /run/systemd/inaccessible
mkdir -m 0 dir && touch reg && chmod 0 reg && mkfifo -m 0 fifo && mknod -m 0 chr c 0 0 && mknod -m 0 blk b 0 0
cd /
export HOME={HOME} XDG_RUNTIME_DIR={RUNTIME}
systemd --user --unit=basic.target &
wait
"""

# Whatever it might write to is a copy or empty. Its targets are empty, so that it starts what a test asks for only.
SYSTEM_SETUP = f"""{OWN_RUN}
for directory in /tmp /var/tmp /var/lib /var/cache /var/log /opt; do mount -t tmpfs tmpfs $directory; done
mkdir -p /run/etc/upper /run/etc/work {UNITS}
mount -t overlay overlay -o lowerdir=/etc,upperdir=/run/etc/upper,workdir=/run/etc/work /etc
mount --bind /dev/null /dev/console
mount --bind /proc/sys /proc/sys
mount -o remount,ro,bind /proc/sys
for target in {" ".join(TARGETS)}; do echo "[Unit]\nDefaultDependencies=no" >{UNITS}/$target.target; done
exec env container=kwsd-test SYSTEMD_UNIT_PATH={UNITS} \
    /lib/systemd/systemd --system --unit=nothing.target --show-status=no
"""


class NoManagerError(Exception):
    """Why there is none here."""


@dataclass(frozen=True, slots=True)
class Manager:
    """A running systemd."""

    pid: int
    """Of a process in its namespaces."""
    scope: tuple[str, ...]
    """What `systemctl` needs to speak to it."""

    def outside(self, inside: Path) -> Path:
        """A path inside, as seen from here."""
        return Path(f"/proc/{self.pid}/root") / inside.relative_to("/")

    def run(self, *command: str) -> subprocess.CompletedProcess[str]:
        """Run a command inside, which need not succeed."""
        return subprocess.run(
            ["nsenter", f"--target={self.pid}", "--mount", "--pid", "--cgroup", *command],
            env={**os.environ, "HOME": str(HOME), "XDG_RUNTIME_DIR": str(RUNTIME)},
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )

    def systemctl(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Likewise `systemctl`."""
        return self.run("systemctl", *self.scope, "--no-pager", *arguments)

    def show(self, unit: str, field: str) -> str:
        """A property of a unit, such as ActiveState."""
        return self.systemctl("show", "--value", f"--property={field}", unit).stdout.strip()

    def status_of(self, unit: str) -> dict[str, str]:
        """What the kernel says of a unit's main process, /proc/PID/status."""
        text = self.outside(Path("/proc") / self.show(unit, "MainPID") / "status").read_text()
        return {key: value.strip() for key, _, value in (line.partition(":") for line in text.splitlines())}


@contextmanager
def user_manager(log: Path) -> Iterator[Manager]:
    """`systemd --user`, with HOME and RUNTIME. Raises NoManagerError where it cannot be."""
    with _manager(USER_SETUP, [], log, ("--user",)) as manager:
        yield manager


@contextmanager
def system_manager(log: Path) -> Iterator[Manager]:
    """`systemd` as process 1, with UNITS, an /etc that can be changed and an empty /opt. Raises NoManagerError."""
    with _manager(SYSTEM_SETUP, ["--uts", "--net", "--ipc"], log, ()) as manager:
        yield manager


@contextmanager
def _manager(setup: str, namespaces: Sequence[str], log: Path, scope: tuple[str, ...]) -> Iterator[Manager]:
    if shutil.which("systemd") is None:
        raise NoManagerError("needs apt package systemd")
    if os.geteuid() != 0:
        raise NoManagerError("needs root, for namespaces and a control group")
    if any(Path(__file__).resolve().is_relative_to(hidden) for hidden in HIDDEN):
        raise NoManagerError("needs a checkout that units can see, not one in /tmp or the like")
    program = ["unshare", "--cgroup", "--mount", "--pid", *namespaces, "--fork", "--kill-child", "--mount-proc"]
    with _control_group() as group, log.open("wb") as output:
        enter = ["sh", "-c", f'echo $$ >{group}/cgroup.procs && exec "$@"', "sh"]
        process = subprocess.Popen([*enter, *program, "sh", "-c", setup], stdout=output, stderr=output)
        try:
            manager = Manager(_inner(process), scope)
            if not eventually(lambda: manager.systemctl("is-system-running").stdout.strip() in STARTED, STARTS_S):
                raise NoManagerError(f"systemd does not run here: {log.read_text()[-500:]}")
            yield manager
        finally:
            process.kill()
            process.wait()


def _inner(process: "subprocess.Popen[bytes]") -> int:
    """The first process in the namespaces."""
    outer = psutil.Process(process.pid)
    with suppress(psutil.Error, IndexError):
        eventually(lambda: process.poll() is not None or outer.children())
        pid: int = outer.children()[0].pid
        return pid
    raise NoManagerError("namespaces cannot be made here")


@contextmanager
def _control_group() -> Iterator[Path]:
    """A new one below our own, removed with all that systemd makes in it."""
    mounts = [line.split() for line in Path("/proc/mounts").read_text().splitlines()]
    roots = [fields[1] for fields in mounts if fields[2] == "cgroup2"]
    own = [line[3:] for line in Path("/proc/self/cgroup").read_text().splitlines() if line.startswith("0::")]
    if not roots or not own:
        raise NoManagerError("there is no cgroup2 hierarchy")
    group = Path(f"{roots[0]}{own[0]}") / f"kwsd-test-{os.getpid()}-{time.monotonic_ns()}"
    try:
        group.mkdir()
    except OSError as error:
        raise NoManagerError(f"cannot make a control group: {error}") from None
    try:
        yield group
    finally:
        eventually(lambda: _remove(group))


def _remove(group: Path) -> bool:
    """Whether it is gone; it stays while a process in it is about to end."""
    for directory in sorted(group.rglob("*/"), reverse=True):
        with suppress(OSError):
            directory.rmdir()
    with suppress(OSError):
        group.rmdir()
    return not group.exists()
