"""From the version before versions were noted, and from another model: nothing is lost, and all is told."""

import json
import shutil
from pathlib import Path

import pytest

from kwsd.cli.ctl_migrate import SYSTEM_STATE
from kwsd.config.load import SYSTEM_FILE
from kwsd.setup.migrate import back_up
from kwsd.setup.renewed_state import renew_state
from testkit.commands import KWSCTL, Completed, run
from testkit.daemons import eventually, running

SHIPPED = Path(__file__).parents[2] / "models" / "kwsd-en"
OLD_KEYWORD = {"phrase": "LIGHT ON", "name": "lamp", "spellings": [], "written_forms": True, "boost": None,
               "threshold": 0.4, "min_score": None, "trailing_blanks": None, "max_gap_s": None,
               "min_duration_s": None, "refractory_s": None}  # fmt: skip
"""As the daemon wrote it before there were `then` and `enabled`."""
OLD_STATE = {"muted": True, "keywords": None, "thresholds": {"lamp": 0.3}, "file_digest": ""}


@pytest.fixture
def model(tmp_path: Path, tiny_model_dir: Path) -> Path:
    """A model that tells its name and version."""
    copy = tmp_path / "model"
    shutil.copytree(tiny_model_dir, copy)
    describe(copy, "3")
    return copy


def describe(model: Path, version: str) -> None:
    (model / "model.toml").write_text(f'name = "tiny"\nversion = "{version}"\n')


@pytest.fixture
def place(tmp_path: Path, model: Path) -> Path:
    """Settings, keywords with a list behind one, clips with marks, state: as an earlier version left them."""
    clips, state = tmp_path / "clips", tmp_path / "state" / "kwsd"
    for folder in (clips, state):
        folder.mkdir(parents=True)
    settings = (
        f'keywords = "k.toml"\nmodel = "{model}"\n[search]\nthreshold = 0.5\n[intents]\nthreshold = 0.1\n'
        '[daemon]\nsave_detections = "clips"\n'
    )
    (tmp_path / "config.toml").write_text(settings)
    (tmp_path / "k.toml").write_text('[[keyword]]\nphrase = "LIGHT ON"\nname = "lamp"\nthen = "then.txt"\n')
    (tmp_path / "then.txt").write_text("# more\nTURN OFF #0.6\n")
    (clips / ".marks.json").write_text('{"a.wav": "right"}')
    (state / "state-0123456789abcdef.json").write_text(json.dumps(OLD_STATE))
    return tmp_path


def migrate(place: Path, *more: object) -> Completed:
    return run(KWSCTL, "migrate", "--config", "config.toml", "--state", place / "state" / "kwsd", *more, home=place)


def test_an_upgrade_keeps_all_copies_all_and_names_every_threshold(place: Path, model: Path) -> None:
    """Scenario.

    1. What an earlier version left is carried over: files stay, there is a copy, four thresholds are named.
    2. Again: there is nothing to do. 3. The model gets another version: they are named again, with both versions.
    """
    before = {path: path.read_bytes() for path in place.rglob("*") if path.is_file() and model not in path.parents}
    first = migrate(place)
    assert first.returncode == 3, first.stderr
    told = [line.strip() for line in first.stdout.splitlines() if line.startswith("  ")]
    assert [line.partition(": ")[2] for line in told] == [
        "search.threshold = 0.5",
        "intents.threshold = 0.1",
        "TURN OFF: threshold = 0.6",
        "lamp: threshold = 0.3, set by a program",
    ]
    assert told[2].startswith("then.txt:2: ")
    assert {path: path.read_bytes() for path in before} == before
    (backup,) = (place / "state" / "kwsd").glob("before-*")
    assert {"/" / path.relative_to(backup): path.read_bytes() for path in backup.rglob("*") if path.is_file()} == before
    again = migrate(place)
    assert (again.returncode, again.stdout.partition(":")[0]) == (0, "nothing to carry over"), again
    describe(model, "4")
    other = migrate(place)
    assert other.returncode == 3
    assert "set for tiny 3, and kept; for tiny 4 they mean something else" in other.stdout


def test_the_copy_that_is_told_of_is_of_what_was_there_then(place: Path, model: Path) -> None:
    """1. An upgrade, back to the version before, changes, the upgrade again: its copy has them. 2. The first stays."""
    copies = []
    for number, version in enumerate("34343"):
        describe(model, version)
        (place / "then.txt").write_text(f"TURN OFF #0.{number + 1}\n")
        told = migrate(place).stdout
        copies.append(Path(told.partition("a copy of what was there: ")[2].splitlines()[0]))
        kept = [(copy / (place / "then.txt").relative_to("/")).read_text() for copy in copies]
        assert kept == [f"TURN OFF #0.{before + 1}\n" for before in range(number + 1)]


def test_no_path_leads_out_of_a_copy(tmp_path: Path) -> None:
    """As of settings that were named `../../etc/kwsd.toml`, from wherever; a second copy of the same is none."""
    (tmp_path / "a.toml").write_text("a")
    file = Path("/../..", *tmp_path.parts[1:], "state", "..", "a.toml")
    (tmp_path / "state").mkdir()
    for _ in range(2):
        folder = back_up([file], tmp_path / "state" / "copies" / "before-1")
        assert [path.read_text() for path in folder.rglob("*.toml")] == ["a"]
    assert [path.name for path in (tmp_path / "state" / "copies").iterdir()] == ["before-1"]


def test_a_daemon_that_starts_warns_until_somebody_was_told(place: Path, model: Path) -> None:
    """Scenario.

    1. A daemon starts for the first time: nothing is told, though a keyword has a threshold. 2. The model changes: it
    warns at every start. 3. After `kwsctl migrate` it does not.
    """
    shutil.rmtree(place / "state")
    warning = "1 thresholds are of tiny 3, not of tiny 4: `kwsctl migrate` names them"

    def warnings() -> list[str]:
        with running(place, model, "--keywords", str(place / "then.txt")) as daemon:
            assert eventually((place / "state" / "kwsd" / "version.json").exists)
            daemon.ask(cmd="status")
            return [line for line in daemon.log if "thresholds" in line]

    assert warnings() == []
    describe(model, "4")
    assert [warning in line for line in warnings()] == [True]
    assert [warning in line for line in warnings()] == [True]
    (place / "config.toml").write_text(f'keywords = "then.txt"\nmodel = "{model}"\n')
    assert migrate(place).returncode == 3
    assert warnings() == []


@pytest.mark.parametrize("sign", ["clips/20261121T081502.123456Z-1-lights_on.wav", "systemd/user/kwsd.service"])
def test_the_first_versions_are_known_by_what_little_they_left(place: Path, model: Path, sign: str) -> None:
    """They noted nothing: there are settings, keywords, clips, and the unit that scripts/install-service made."""
    shutil.rmtree(place / "state")
    (place / "clips" / ".marks.json").unlink()
    config = place / "kwsd" / "config.toml"
    config.parent.mkdir()
    config.write_text((place / "config.toml").read_text().replace('"clips"', f'"{place / "clips"}"'))
    (place / sign).parent.mkdir(parents=True, exist_ok=True)
    (place / sign).touch()
    with running(place, model, "--config", str(config)) as daemon:
        assert eventually(lambda: any("2 thresholds are of an earlier version" in line for line in daemon.log))
    (backup,) = (place / "state" / "kwsd").glob("before-*")
    assert (backup / config.relative_to("/")).read_bytes() == config.read_bytes()


def test_a_fresh_installation_has_nothing_to_carry_over(tmp_path: Path) -> None:
    """Scenario.

    1. The service is installed where kwsd never was, twice. It starts: no copy of what was just put there. 2. Nor is
    anything to do for `kwsctl migrate`. 3. Its state is lost: that it was this version is known still.
    """
    for _ in range(2):
        installed = run(KWSCTL, "install-service", "--user", "--no-start", home=tmp_path)
        assert installed.returncode == 0, installed.stderr
    config, state = tmp_path / "kwsd" / "config.toml", tmp_path / "state" / "kwsd"
    for _ in range(2):
        with running(tmp_path, SHIPPED, "--config", str(config)):
            assert eventually((state / "version.json").exists)
        assert not list(state.glob("before-*"))
        carried = run(KWSCTL, "migrate", "--config", config, "--state", state, home=tmp_path)
        assert carried.stdout.startswith("nothing to carry over"), carried
        shutil.rmtree(state)


@pytest.mark.parametrize("sign", ["kwsd/config.toml", "kwsd/keywords.txt", "systemd/user/kwsd.service"])
def test_an_installation_over_an_earlier_one_is_not_taken_for_fresh(tmp_path: Path, sign: str) -> None:
    """What was there may be of any version, so there is a copy of it."""
    (tmp_path / sign).parent.mkdir(parents=True)
    (tmp_path / sign).write_text("" if sign.endswith(".toml") else "# earlier\nlights on\n")
    assert run(KWSCTL, "install-service", "--user", "--no-start", home=tmp_path).returncode == 0
    config, state = tmp_path / "kwsd" / "config.toml", tmp_path / "state" / "kwsd"
    with running(tmp_path, SHIPPED, "--config", str(config)):
        assert eventually((state / "version.json").exists)
    (backup,) = state.glob("before-*")
    assert (backup / config.relative_to("/")).read_bytes() == config.read_bytes()


def test_root_without_the_service_carries_over_what_is_roots_own(place: Path) -> None:
    """As whoever runs kwsd by hand: the daemon's state is that of the user, and so is what is carried over."""
    if SYSTEM_FILE.is_file() or SYSTEM_STATE.is_dir():
        pytest.skip("the system's service is installed here")
    own = {"XDG_STATE_HOME": str(place / "state")}
    told = run(KWSCTL, "migrate", "--config", "config.toml", home=place, environ=own)
    assert told.returncode == 3, told.stderr
    assert f"a copy of what was there: {place / 'state' / 'kwsd'}" in told.stdout


@pytest.mark.parametrize("content", ["[" * 200_000, "[]", '{"kwsd": 1}', "9" * 9999, "\ufeff{}", ""])
def test_a_record_that_is_damaged_is_told_and_keeps_no_daemon_from_starting(
    place: Path, model: Path, content: str
) -> None:
    record = place / "state" / "kwsd" / "version.json"
    record.write_text(content)
    with running(place, model, "--keywords", str(place / "then.txt")) as daemon:
        (told,) = [line for line in daemon.log if str(record) in line]
    assert "is not what kwsd writes" in told
    assert "remove it" in told
    record.unlink()
    with running(place, model, "--keywords", str(place / "then.txt")):
        assert eventually(record.exists)
        assert record.stat().st_mode & 0o777 == 0o600


def test_state_of_another_version_loses_only_what_has_no_place(tmp_path: Path) -> None:
    path = tmp_path / "state-0.json"
    path.write_text(json.dumps({"keywords": [{**OLD_KEYWORD, "later": 1}, {"phrase": "x", "boost": "much"}]}))
    (told,) = renew_state(path)
    assert "'x' is left out" in told
    assert path.stat().st_mode & 0o777 == 0o600, "it names keywords"
    found = json.loads(path.read_text())
    assert found == {"keywords": [OLD_KEYWORD], "muted": False, "thresholds": {}, "file_digest": ""}
    for damaged in ("[]", "[" * 200_000, "9" * 9999):
        path.write_text(damaged)
        assert "begin anew" in renew_state(path)[0]
