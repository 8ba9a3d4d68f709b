"""The wheel: what kwsd runs and no more, small, and good for a machine that has nothing else of ours."""

import os
import subprocess
import sys
import tarfile
from pathlib import Path
from zipfile import ZipFile

import numpy as np
import pytest
import soundfile

from kwsd.commands12.model import find_model, read_bundle
from kwsd.commands12.networks import make_network
from kwsd.config.settings import FixedWords
from kwsd.errors import ModelError
from kwsd.limits import ENGINES
from kwsd.models.description import read_description
from kwsd.models.directory import find_encoder
from kwsd.models.registry import PACKAGED
from testkit.commands import KWSCTL, run
from testkit.packages import build_wheel, plain_environment
from testkit.spoken import with_gaps
from training.release import write_releases

ROOT = Path(__file__).parents[2]
MODELS = ROOT / "models"
LARGEST_BYTES = 6_000_000  # with version 4 of the model and both chunk lengths; 3.5 MB with version 3


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build_wheel(tmp_path_factory.mktemp("wheel"))


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """bin/ of an environment as a plain installation makes it."""
    return plain_environment(tmp_path_factory.mktemp("venv"), wheel)


def test_it_holds_what_runs_and_no_more(wheel: Path) -> None:
    names = set(ZipFile(wheel).namelist())
    code = {str(path.relative_to(ROOT)) for path in (ROOT / "kwsd").rglob("*") if path.is_file()}
    assert {name for name in code if "__pycache__" not in name} <= names
    assert "kwsd/py.typed" in names

    data = {name.removeprefix("kwsd/data/") for name in names if name.startswith("kwsd/data/models/")}
    summed = read_description(MODELS / "kwsd-en").sha256
    assert find_encoder(MODELS / "kwsd-en").name in summed
    wanted = {f"models/kwsd-en/{name}" for name in (*summed, "model.toml", "README.md")}
    wanted |= {f"models/commands12/{find_model(engine).path.name}" for engine in ENGINES}
    wanted |= {f"models/commands12/{name}" for name in ("model.toml", "README.md")}
    assert data == wanted
    assert wheel.stat().st_size <= LARGEST_BYTES


def test_a_commit_gives_the_same_wheel_from_any_place_and_from_its_sdist(tmp_path: Path) -> None:
    """Scenario.

    1. `scripts/package` builds both.
    2. Elsewhere, with other modes for new files, another zone and other hashes, and without a network, pip builds a
       wheel of the sdist: the same bytes.
    """
    if not (ROOT / ".git").exists():
        pytest.skip("needs the repository")
    subprocess.run([ROOT / "scripts" / "package", "HEAD", tmp_path], check=True, capture_output=True)
    (sdist,), (wheel,) = tmp_path.glob("*.tar.gz"), tmp_path.glob("*.whl")
    with tarfile.open(sdist) as archive:
        epoch = int(next(iter(archive)).mtime)
    options = ["--no-index", "--no-build-isolation", "--no-deps", "--no-cache-dir", "--quiet", "--wheel-dir", "again"]
    environ = {**os.environ, "SOURCE_DATE_EPOCH": str(epoch), "TZ": "Pacific/Auckland", "PYTHONHASHSEED": "7"}
    command = [sys.executable, "-m", "pip", "wheel", *options, str(sdist)]
    subprocess.run(command, check=True, env=environ, cwd=tmp_path, umask=0o077)
    assert (tmp_path / "again" / wheel.name).read_bytes() == wheel.read_bytes()


def test_installed_alone_it_hears_phrases_and_fixed_words(installed: Path, tmp_path: Path) -> None:
    """1. kwsd, installed, hears demo.wav. 2. With `--fallback only` it hears a fixed word. 3. Its model is well."""
    said = ROOT / "keywords" / "demo.txt"
    demo = run(installed / "kwsd", "--input", MODELS / "demo.wav", "--keywords", said, home=tmp_path)
    assert (demo.returncode, len(demo.stdout.splitlines())) == (0, 6), demo.stderr
    soundfile.write(tmp_path / "word.wav", with_gaps("yes"), 16_000)
    fixed = run(installed / "kwsd", "--input", "word.wav", "--fallback", "only", home=tmp_path)
    assert (fixed.returncode, fixed.stdout.split()[2:3]) == (0, ["yes"]), fixed.stderr
    verified = run(installed / "kwsctl", "models", "verify", "kwsd-en", home=tmp_path)
    assert (verified.returncode, str(installed.parent) in verified.stdout) == (0, True), verified.stderr


def test_what_is_left_out_is_in_the_registry_and_comes_from_a_file(tmp_path: Path) -> None:
    """1. The archives are packed again: the registry names these very ones. 2. They are pulled without a network."""
    registry = tmp_path / "registry.toml"
    registry.write_bytes(PACKAGED.read_bytes())
    write_releases(tmp_path, registry)
    assert registry.read_bytes() == PACKAGED.read_bytes(), "a model has changed: run `python -m training.release DIR`"
    for archive in sorted(tmp_path.glob("*.tar")):
        name = archive.stem.rpartition("-")[0]
        pulled = run(KWSCTL, "models", "pull", name, "--from", archive, home=tmp_path)
        assert pulled.returncode == 0, pulled.stderr
        assert archive.is_file()
        assert run(KWSCTL, "models", "verify", name, home=tmp_path).returncode == 0
    assert (tmp_path / "kwsd" / "models" / "kwsd-en-full" / "weights.pt").is_file()


@pytest.mark.parametrize("content", [b"", b"something else"])
def test_a_file_that_is_not_the_archive_is_refused(tmp_path: Path, content: bytes) -> None:
    if content:
        (tmp_path / "a.tar").write_bytes(content)
    refused = run(KWSCTL, "models", "pull", "kwsd-en-full", "--from", "a.tar", home=tmp_path)
    assert refused.returncode == 1
    assert refused.stderr.splitlines()[-1].count("a.tar") == 1


def test_a_network_that_did_not_come_is_fetched_or_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """1. The wheel has no nc-ssm-5k: the error says how to get it. 2. Once pulled, it is found and runs."""
    bare = tmp_path / "bundle"
    bare.mkdir()
    (bare / "model.toml").write_bytes((MODELS / "commands12" / "model.toml").read_bytes())
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    with pytest.raises(ModelError, match=r"nc-ssm-5k.onnx: no such file; .* kwsctl models pull commands12-full"):
        make_network(read_bundle(bare)["nc-ssm-5k"], FixedWords())
    home = tmp_path / "kwsd" / "models" / "commands12-full"
    home.mkdir(parents=True)
    (home / "nc-ssm-5k.onnx").write_bytes((MODELS / "commands12" / "nc-ssm-5k.onnx").read_bytes())
    network = make_network(read_bundle(bare)["nc-ssm-5k"], FixedWords())
    assert np.isfinite(network.accept(np.zeros((network.block_frames, 40), np.float32))).all()
