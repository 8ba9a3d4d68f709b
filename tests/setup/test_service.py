"""`kwsctl install-service` and `remove-service`, from a wheel, under a real systemd, and file by file."""

import json
import os
import subprocess
import sys
import sysconfig
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from kwsd.errors import KwsdError
from kwsd.setup.installed import InstalledFiles
from kwsd.setup.service import BOOTED
from kwsd.setup.units import Programs, units_for
from testkit.booted import HIDDEN, HOME, UNITS, Manager, NoManagerError, system_manager, user_manager
from testkit.commands import KWSCTL, run
from testkit.daemons import eventually
from testkit.packages import build_wheel, unpack

ROOT = Path(__file__).parents[2]
PACKAGES = sysconfig.get_path("purelib")
NEXT = 3
LAYERS = "lowerdir=/usr/local,upperdir=/run/local/upper,workdir=/run/local/work"


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build_wheel(tmp_path_factory.mktemp("wheel"))


def environment(manager: Manager, inside: Path, wheel: Path, packages: str) -> str:
    """An environment with the wheel, and of the tests' what it needs; its kwsctl, as seen inside."""
    made = manager.run(sys.executable, "-m", "venv", "--without-pip", str(inside))
    assert made.returncode == 0, made.stderr
    unpack(wheel, manager.outside(inside), inside, packages)
    return str(inside / "bin" / "kwsctl")


@pytest.fixture
def machine(tmp_path: Path) -> Iterator[Manager]:
    """What would be written to /usr/local goes to a layer above it; its units are where the manager looks."""
    try:
        with system_manager(tmp_path / "log") as manager:
            for command in (
                "mkdir -p /run/local/upper /run/local/work /opt/packages /etc/systemd/system",
                f"mount -t overlay overlay -o {LAYERS} /usr/local",
                f"mount --bind {UNITS} /etc/systemd/system",
                f"mount --bind {PACKAGES} /opt/packages",
            ):
                done = manager.run(*command.split())
                assert done.returncode == 0, done.stderr
            yield manager
    except NoManagerError as reason:
        pytest.skip(str(reason))


@pytest.fixture
def session(tmp_path: Path) -> Iterator[Manager]:
    try:
        with user_manager(tmp_path / "log") as manager:
            yield manager
    except NoManagerError as reason:
        pytest.skip(str(reason))


def satellite_is_served(manager: Manager, kwsctl: str) -> bool:
    """Its unit runs, and the daemon takes it for one that may be given the sound of orders."""
    status = manager.run(kwsctl, "status", "--json", "--timeout", "60").stdout
    return manager.show("kwsd-satellite", "ActiveState") == "active" and json.loads(status)["subscribers"] >= 1


def test_a_machine_from_install_to_removal(machine: Manager, wheel: Path) -> None:
    """Scenario.

    1. From a wheel, with a Python that may lie in a home: it runs, and the next three commands are named.
    2. The satellite for Home Assistant is started, which the user of its unit may be.
    3. The list is changed, and so is a unit. Installed again: the list stays, the unit is new, the changed one is kept.
    4. It is removed: no unit, no link and no page is left; list and settings are.
    """
    kwsctl = environment(machine, Path("/opt/kwsd"), wheel, "/opt/packages")
    installed = machine.run(kwsctl, "install-service", "--system")
    assert installed.returncode == 0, installed.stderr + machine.systemctl("status", "kwsd").stdout
    assert installed.stdout.startswith("kwsd is installed and running")
    assert len(installed.stdout.partition("next:\n")[2].splitlines()) == NEXT
    assert machine.show("kwsd", "ActiveState") == "active"
    assert machine.show("kwsd", "UnitFileState").startswith("enabled")
    assert '"model"' in machine.run("/usr/local/bin/kwsctl", "status", "--json", "--timeout", "60").stdout
    first = machine.show("kwsd", "MainPID")
    assert machine.systemctl("start", "kwsd-satellite").returncode == 0
    assert eventually(lambda: satellite_is_served(machine, "/usr/local/bin/kwsctl"), 30)

    keywords, unit = machine.outside(Path("/etc/kwsd/keywords.txt")), machine.outside(UNITS / "kwsd.service")
    keywords.write_text("lights on\n")
    written = unit.read_text()
    unit.write_text(written + "# mine\n")
    again = machine.run(kwsctl, "install-service")
    assert again.returncode == 0, again.stderr
    assert (keywords.read_text(), unit.read_text()) == ("lights on\n", written)
    assert unit.with_name("kwsd.service.before").read_text() == written + "# mine\n"
    assert machine.show("kwsd", "MainPID") not in {first, "0"}

    removed = machine.run(kwsctl, "remove-service")
    assert removed.returncode == 0, removed.stderr
    assert not unit.exists()
    assert not machine.outside(Path("/run/local/upper/bin/kwsctl")).is_symlink()
    assert not list(machine.outside(Path("/run/local/upper/share")).rglob("kwsd*"))
    assert (keywords.read_text(), keywords.with_name("config.toml").exists()) == ("lights on\n", True)
    assert machine.show("kwsd", "LoadState") == "not-found"


def test_where_systemd_does_not_run_it_is_said_how_to_start(tmp_path: Path) -> None:
    """As in a container: 1. The next command is one that can be typed there. 2. The doctor denies no unit."""
    if BOOTED.is_dir():
        pytest.skip("systemd runs here")
    installed = run(KWSCTL, "install-service", "--user", home=tmp_path)
    assert installed.returncode == 0, installed.stderr
    told = installed.stdout.partition("next:\n")[2].splitlines()
    assert told[1] == f"  kwsd --config {tmp_path}/kwsd/config.toml    # starts it; systemd does not run here"
    assert not any("systemctl" in line for line in told)
    looked = run(KWSCTL, "doctor", home=tmp_path)
    (units,) = [line for line in looked.stdout.splitlines() if line.startswith("units ")]
    assert "systemd does not run here" in units


def test_a_command_that_leads_to_an_earlier_kwsd_is_told(tmp_path: Path) -> None:
    """The link is not ours and stays; who types it would go on with the earlier one, so it is named."""
    link, earlier = tmp_path / ".local/bin/kwsctl", tmp_path / "earlier" / "kwsctl"
    for path in (link, earlier):
        path.parent.mkdir(parents=True)
    earlier.touch()
    link.symlink_to(earlier)
    link.with_name("kwsd").symlink_to(Path(KWSCTL).with_name("kwsd"))
    installed = run(KWSCTL, "install-service", "--user", "--no-start", home=tmp_path)
    assert installed.returncode == 0, installed.stderr
    (told,) = installed.stderr.splitlines()
    assert f"{link}: leads to {earlier}, another kwsd" in told
    assert link.readlink() == earlier


def test_a_desktop_from_install_to_removal(session: Manager, wheel: Path) -> None:
    """1. It runs for this user. 2. So does the satellite. 3. It is removed, twice, and the list stays."""
    session.outside(HOME).mkdir(exist_ok=True)
    kwsctl = environment(session, HOME / "tools", wheel, PACKAGES)
    installed = session.run(kwsctl, "install-service", "--user")
    assert installed.returncode == 0, installed.stderr + session.systemctl("status", "kwsd").stdout
    assert session.show("kwsd", "ActiveState") == "active"
    assert session.outside(HOME / ".local/share/man/man1/kwsctl.1").exists()
    assert session.systemctl("start", "kwsd-satellite").returncode == 0
    assert eventually(lambda: satellite_is_served(session, kwsctl), 30)
    for _ in range(2):
        removed = session.run(kwsctl, "remove-service", "--user")
        assert removed.returncode == 0, removed.stderr
    assert session.show("kwsd", "LoadState") == "not-found"
    assert session.outside(HOME / ".config/kwsd/keywords.txt").exists()


def test_the_files_of_an_image(tmp_path: Path) -> None:
    """1. Below another root all is put in place, nothing started. 2. Removed: the user's files alone are left."""
    if any(ROOT.is_relative_to(hidden) for hidden in HIDDEN):
        pytest.skip("needs a checkout that units can see")
    root = tmp_path / "image"
    installed = run(KWSCTL, "install-service", "--system", "--root", root, home=tmp_path)
    if "other users may not" in installed.stderr:
        pytest.skip("needs a checkout that other users may read")
    assert (installed.returncode, "nothing was started" in installed.stdout) == (0, True), installed.stderr
    assert f"sudo systemctl --root={root} enable kwsd " in installed.stdout
    unit = (root / "etc/systemd/system/kwsd.service").read_text()
    assert f"ExecStart={Path(KWSCTL).parent}/kwsd " in unit
    assert {path.name for path in (root / "usr/local/share/bash-completion/completions").iterdir()} >= {
        "kwsd",
        "kwsctl",
    }
    removed = run(KWSCTL, "remove-service", "--system", "--root", root, home=tmp_path)
    assert removed.returncode == 0, removed.stderr
    left = {str(path.relative_to(root)) for path in root.rglob("*") if not path.is_dir()}
    assert left == {"etc/kwsd/config.toml", "etc/kwsd/keywords.txt"}


def test_what_a_careful_root_installs_the_service_may_read(tmp_path: Path) -> None:
    """With a umask of 077, as hardened machines have it."""
    if any(ROOT.is_relative_to(hidden) for hidden in HIDDEN):
        pytest.skip("needs a checkout that units can see")
    root = tmp_path / "image"
    before = os.umask(0o077)
    try:
        installed = run(KWSCTL, "install-service", "--system", "--root", root, home=tmp_path)
    finally:
        os.umask(before)
    if "other users may not" in installed.stderr:
        pytest.skip("needs a checkout that other users may read")
    assert installed.returncode == 0, installed.stderr
    found = [path for path in (root / "etc").rglob("*") if path.name != "installed.json"]
    shut = [path for path in found if not path.stat().st_mode & (0o001 if path.is_dir() else 0o004)]
    assert len(found) > 5
    assert not shut


def test_what_was_begun_and_could_not_be_ended_can_be_taken_away(tmp_path: Path) -> None:
    """1. A folder stands where a unit belongs: it is told. 2. What was put in place until then is removed again."""
    if any(ROOT.is_relative_to(hidden) for hidden in HIDDEN):
        pytest.skip("needs a checkout that units can see")
    units = tmp_path / "etc" / "systemd" / "system"
    (units / "kwsd.socket").mkdir(parents=True)
    words = ("--system", "--root", tmp_path)
    refused = run(KWSCTL, "install-service", *words, home=tmp_path)
    if "other users may not" in refused.stderr:
        pytest.skip("needs a checkout that other users may read")
    assert (refused.returncode, f"{units / 'kwsd.socket'}: Is a directory" in refused.stderr) == (1, True), refused
    assert {path.name for path in units.iterdir()} > {"kwsd.socket"}
    removed = run(KWSCTL, "remove-service", *words, home=tmp_path)
    assert removed.returncode == 0, removed.stderr
    assert {path.name for path in units.iterdir()} == {"kwsd.socket"}


def test_what_was_changed_twice_is_kept_twice(tmp_path: Path) -> None:
    """Each upgrade finds another change of the user's; one that it has kept already is kept once."""
    unit = tmp_path / "kwsd.service"
    for change in ("first", "second", "second"):
        files = InstalledFiles.read(tmp_path / "installed.json")
        files.write(unit, "ours")
        files.save()
        unit.write_text(change)
    InstalledFiles.read(tmp_path / "installed.json").write(unit, "ours")
    kept = {path.name: path.read_text() for path in tmp_path.glob("*.before*")}
    assert kept == {"kwsd.service.before": "first", "kwsd.service.before2": "second"}
    assert unit.read_text() == "ours"


def test_of_homes_only_its_own_environment_is_seen(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    home = tmp_path / "home"
    (home / "env dir").mkdir(parents=True, mode=0o755)
    monkeypatch.setattr("kwsd.setup.units.HOMES", (home,))
    monkeypatch.setattr("kwsd.setup.units._require_visible", lambda _: None)
    unit = units_for("system", Programs(home / "env dir/bin", (home / "env dir",)))["kwsd.service"]
    assert f"ProtectHome=tmpfs\nBindReadOnlyPaths={home}/env\\x20dir\n" in unit
    assert "ProtectHome=yes" not in unit


def test_an_environment_that_others_may_not_read_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "env").mkdir(mode=0o700)
    monkeypatch.setattr("kwsd.setup.units._require_visible", lambda _: None)
    with pytest.raises(KwsdError, match=r"env: other users may not read it.*chmod -R o\+rX"):
        units_for("system", Programs(tmp_path / "env/bin", (tmp_path / "env",)))


def test_an_environment_in_tmp_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    with pytest.raises(KwsdError, match="a service has a /"):
        units_for("user", Programs(tmp_path / "env/bin", (tmp_path / "env",)))


def test_the_script_of_a_clone_refuses_a_python_of_somebodys_home(tmp_path: Path) -> None:
    """It would go with its owner. Here one below /root stands for it; what the link leads to may be anywhere."""
    home = Path.home().resolve()
    if not home.is_relative_to("/root") and not home.is_relative_to("/home"):
        pytest.skip(f"{home} is not where homes are")
    with tempfile.TemporaryDirectory(prefix=".kwsd-test-", dir=home) as at_home:
        python = Path(at_home) / "python3"
        python.symlink_to(os.path.realpath(sys.executable))
        environment = {**os.environ, "DESTDIR": str(tmp_path), "KWSD_PYTHON": str(python)}
        script = ROOT / "scripts" / "install-service"
        done = subprocess.run([script], env=environment, capture_output=True, text=True, check=False, timeout=30)
    assert done.returncode == 2
    assert f"{python} is below a home directory" in done.stderr
    assert "KWSD_PYTHON=/usr/bin/python3" in done.stderr
    assert not list(tmp_path.iterdir())
