"""What goes out beside the packages: a bill of materials that says what the lock says."""

import json
import os
import shutil
import subprocess
import tomllib
from pathlib import Path

import pytest

import kwsd

ROOT = Path(__file__).parents[2]


def test_the_bill_of_materials_holds_what_the_lock_does_for_all_extras(tmp_path: Path) -> None:
    """1. It is written twice: the same bytes. 2. Whatever pyproject.toml asks for is in it, as the lock has it."""
    if not (ROOT / ".venv" / "bin" / "uv").exists() or not (ROOT / ".git").exists():
        pytest.skip("needs .venv as scripts/environment makes it, and the repository")
    first, second = tmp_path / "first.json", tmp_path / "second.json"
    for out in (first, second):
        subprocess.run([ROOT / "scripts" / "sbom", out], check=True, capture_output=True)
    assert first.read_bytes() == second.read_bytes()

    bill = json.loads(first.read_text())
    assert (bill["bomFormat"], bill["specVersion"]) == ("CycloneDX", "1.5")
    assert bill["metadata"]["component"]["purl"] == f"pkg:pypi/kwsd@{kwsd.__version__}"
    listed = {(part["name"], part["version"]) for part in bill["components"]}
    assert {part["purl"] for part in bill["components"]} == {f"pkg:pypi/{name}@{version}" for name, version in listed}
    lock = tomllib.loads((ROOT / "uv.lock").read_text())["package"]
    assert listed <= {(package["name"], package.get("version")) for package in lock}
    (own,) = (package for package in lock if package["name"] == "kwsd")
    extras = (each for group in own["optional-dependencies"].values() for each in group)
    assert {each["name"] for each in (*own["dependencies"], *extras)} <= {name for name, _ in listed}
    assert "pytest" not in {name for name, _ in listed}


def test_a_check_of_today_has_every_extra_that_tests_need() -> None:
    """Without archive and web the suite could not even be collected. What only torch brings is passed over in tests."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    installed = (ROOT / "scripts" / "check").read_text().partition("--editable '.[")[2].partition("]")[0].split(",")
    assert installed == sorted(set(project["optional-dependencies"]) - {"asr", "train"})


def test_a_package_for_another_python_than_debian_has_is_not_built(tmp_path: Path) -> None:
    """Native wheels of one Python are nothing to another, and the package could not be installed."""
    if not (ROOT / ".venv" / "bin" / "uv").exists() or not (ROOT / ".git").exists() or not shutil.which("dpkg-deb"):
        pytest.skip("needs .venv as scripts/environment makes it, the repository, and dpkg-deb")
    other = tmp_path / "python3"
    other.write_text("#!/bin/sh\necho 3.99\n")
    other.chmod(0o755)
    command = ["scripts/package-deb", "HEAD", str(tmp_path / "dist")]
    environ = os.environ | {"KWSD_DEBIAN_PYTHON": str(other)}
    done = subprocess.run(command, cwd=ROOT, env=environ, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert f"{other} is 3.99: KWSD_PYTHON={other} scripts/environment test" in done.stderr
