"""Fetching models from a real server on this machine, which behaves well or badly as each test wants."""

import hashlib
import io
import tarfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from kwsd.acoustic.model import Model
from kwsd.errors import ModelError
from kwsd.models.download import DownloadError, download
from kwsd.models.install import pull, verify
from kwsd.models.registry import RegistryEntry, RegistryFile, find_entry, read_registry
from testkit.commands import KWSCTL, Completed, run

CONTENT = bytes(range(256)) * 2000
SHA256 = hashlib.sha256(CONTENT).hexdigest()


@dataclass
class Behaviour:
    """What the server sends, and how."""

    content: bytes = CONTENT
    ranges: bool = True
    break_after: int | None = None
    """Bytes of a body after which the connection is cut."""
    asked: int = 0
    """Requests so far."""
    starts: tuple[int, ...] = ()
    """Where each request wanted to begin."""


@contextmanager
def serving(behaviour: Behaviour) -> Iterator[str]:
    """A server; yields the address of its directory."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            if not self.path.endswith(".tar.bz2"):
                self.send_error(404)
                return
            behaviour.asked += 1
            start = self._start()
            behaviour.starts += (start,)
            if start >= len(behaviour.content) > 0:
                self.send_error(416)
                return
            body = behaviour.content[start:]
            self.send_response(206 if start else 200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body[: behaviour.break_after])

        def _start(self) -> int:
            wanted = self.headers.get("Range", "bytes=0-")
            return int(wanted.removeprefix("bytes=").rstrip("-")) if behaviour.ranges else 0

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def fetch(address: str, target: Path, **wanted: int | str | None) -> list[tuple[int, int | None]]:
    """Download model.tar.bz2; returns the progress that was told."""
    told: list[tuple[int, int | None]] = []
    sha256, size = wanted.get("sha256", SHA256), wanted.get("size", len(CONTENT))
    assert sha256 is None or isinstance(sha256, str)
    assert size is None or isinstance(size, int)
    download(
        f"{address}/model.tar.bz2",
        target,
        sha256=sha256,
        size=size,
        advance=lambda done, total: told.append((done, total)),
    )
    return told


def test_a_download_is_verified_and_renamed(tmp_path: Path) -> None:
    with serving(Behaviour()) as address:
        told = fetch(address, tmp_path / "model")
    assert (tmp_path / "model").read_bytes() == CONTENT
    assert told[-1] == (len(CONTENT), len(CONTENT))
    assert [path.name for path in tmp_path.iterdir()] == ["model"]


@pytest.mark.parametrize("ranges", [True, False])
def test_an_interrupted_download_is_taken_up_again(tmp_path: Path, ranges: bool) -> None:
    """1. The connection is cut in the middle. 2. The next try goes on from there, or anew where the server cannot."""
    behaviour = Behaviour(break_after=100_000, ranges=ranges)
    with serving(behaviour) as address:
        with pytest.raises(DownloadError, match=r"after 100000 of 512000 bytes; run it again to continue"):
            fetch(address, tmp_path / "model")
        assert not (tmp_path / "model").exists()
        assert (tmp_path / "model.part").stat().st_size == 100_000
        behaviour.break_after = None
        fetch(address, tmp_path / "model")
    assert (tmp_path / "model").read_bytes() == CONTENT
    assert behaviour.starts == ((0, 100_000) if ranges else (0, 0))


def test_a_part_that_is_complete_needs_no_network(tmp_path: Path) -> None:
    (tmp_path / "model.part").write_bytes(CONTENT)
    fetch("http://127.0.0.1:9", tmp_path / "model")
    assert (tmp_path / "model").read_bytes() == CONTENT


@pytest.mark.parametrize("size", [len(CONTENT), None])
def test_a_part_that_is_too_long_starts_over(tmp_path: Path, size: int | None) -> None:
    (tmp_path / "model.part").write_bytes(CONTENT + b"more")
    with serving(Behaviour()) as address:
        fetch(address, tmp_path / "model", size=size)
    assert (tmp_path / "model").read_bytes() == CONTENT


def test_a_wrong_file_is_refused_and_not_kept(tmp_path: Path) -> None:
    (tmp_path / "model").write_bytes(b"the old one")
    with serving(Behaviour(content=CONTENT[::-1])) as address, pytest.raises(DownloadError, match="changed or damaged"):
        fetch(address, tmp_path / "model")
    assert (tmp_path / "model").read_bytes() == b"the old one"
    assert not (tmp_path / "model.part").exists()


def test_a_file_of_another_size_is_refused(tmp_path: Path) -> None:
    with serving(Behaviour()) as address, pytest.raises(DownloadError, match="more than the 5 bytes it should have"):
        fetch(address, tmp_path / "model", sha256=None, size=5)
    assert list(tmp_path.iterdir()) == []


def test_what_comes_without_end_is_read_no_further_than_its_known_size(tmp_path: Path) -> None:
    told: list[int] = []
    with serving(Behaviour()) as address, pytest.raises(DownloadError, match="more than the 100000 bytes"):
        download(
            f"{address}/model.tar.bz2",
            tmp_path / "model",
            sha256=None,
            size=100_000,
            advance=lambda done, _: told.append(done),
        )
    assert max(told) <= 100_000
    assert list(tmp_path.iterdir()) == []


def test_a_server_that_is_not_there_or_has_nothing(tmp_path: Path) -> None:
    with serving(Behaviour()) as address, pytest.raises(DownloadError, match="the server answers 404"):
        download(f"{address}/x", tmp_path / "x", sha256=None, size=None, advance=lambda *_: None)
    with pytest.raises(DownloadError, match="cannot be reached"):
        fetch(address, tmp_path / "model")


# ------------------------------------------------------------------------------------------------------- archives

ROOT = "upstream-model-1"
PARTS = ("encoder.onnx", "decoder.onnx", "joiner.onnx", "tokens.txt", "bpe.model")


def archive_of(directory: Path) -> bytes:
    """A model as upstream packs it: with longer names, and files that nobody asked for."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:bz2") as tar:
        for name in PARTS:
            tar.add(directory / name, f"{ROOT}/{name.replace('.onnx', '-epoch-12.onnx')}")
        tar.add(directory / "tokens.txt", f"{ROOT}/keywords_raw.txt")
    return buffer.getvalue()


def entry_for(address: str, archive: bytes, directory: Path | None = None) -> RegistryEntry:
    files = tuple(
        RegistryFile(
            name=name,
            member=name.replace(".onnx", "-epoch-12.onnx"),
            sha256=hashlib.sha256((directory / name).read_bytes()).hexdigest() if directory else None,
        )
        for name in PARTS
    )
    return RegistryEntry(
        name="tiny-1",
        about="test",
        url=f"{address}/model.tar.bz2",
        root=ROOT,
        licence="none",
        files=files,
        sha256=hashlib.sha256(archive).hexdigest(),
        size=len(archive),
    )


def nothing(_done: int, _total: int | None) -> None:
    """Take no notice of progress."""


def test_a_pulled_model_runs(tiny_model_dir: Path, tmp_path: Path) -> None:
    archive = archive_of(tiny_model_dir)
    with serving(Behaviour(content=archive)) as address:
        entry = entry_for(address, archive, tiny_model_dir)
        directory = pull(entry, tmp_path, nothing)
    assert directory == tmp_path / "tiny-1"
    assert sorted(path.name for path in directory.iterdir()) == sorted([*PARTS, "SHA256SUMS"])
    assert [path.name for path in tmp_path.iterdir()] == ["tiny-1"], "nothing temporary is left"
    assert verify(directory, entry) == []
    assert Model(directory).name == "tiny-1"


def test_pulling_again_replaces_what_was_there(tiny_model_dir: Path, tmp_path: Path) -> None:
    archive = archive_of(tiny_model_dir)
    (tmp_path / "tiny-1").mkdir()
    (tmp_path / "tiny-1" / "tokens.txt").write_text("broken")
    with serving(Behaviour(content=archive)) as address:
        directory = pull(entry_for(address, archive), tmp_path, nothing)
    assert verify(directory) == []


def test_an_archive_that_is_none_leaves_the_old_model(tmp_path: Path) -> None:
    (tmp_path / "tiny-1").mkdir()
    with (
        serving(Behaviour()) as address,
        pytest.raises(DownloadError, match="cannot be unpacked"),
    ):
        pull(entry_for(address, CONTENT), tmp_path, nothing)
    assert (tmp_path / "tiny-1").is_dir()


def test_a_file_that_is_not_the_registered_one_is_refused(tiny_model_dir: Path, tmp_path: Path) -> None:
    archive = archive_of(tiny_model_dir)
    with serving(Behaviour(content=archive)) as address:
        entry = entry_for(address, archive, tiny_model_dir)
        wrong = (*entry.files[:-1], replace(entry.files[-1], sha256="0" * 64))
        with pytest.raises(DownloadError, match=r"bpe.model in it is not the file that the registry names"):
            pull(replace(entry, files=wrong), tmp_path, nothing)
    assert not (tmp_path / "tiny-1").exists()


def test_a_file_in_an_archive_is_not_unpacked_beyond_its_known_size(tiny_model_dir: Path, tmp_path: Path) -> None:
    archive = archive_of(tiny_model_dir)
    with serving(Behaviour(content=archive)) as address:
        entry = entry_for(address, archive)
        small = tuple(replace(file, size=10) for file in entry.files)
        with pytest.raises(DownloadError, match="bytes, more than the registry allows"):
            pull(replace(entry, files=small), tmp_path, nothing)
    assert not (tmp_path / "tiny-1").exists()


@pytest.mark.parametrize("hostile", ["../../evil", "/tmp/kwsd-evil", "link"])  # noqa: S108 - must never be written
def test_an_archive_writes_nowhere_else(tmp_path: Path, hostile: str) -> None:
    """Only names of the registry leave it, as plain files: not paths that climb out, not links."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:bz2") as tar:
        member = tarfile.TarInfo(f"{ROOT}/tokens.txt" if hostile == "link" else hostile)
        if hostile == "link":
            member.type, member.linkname = tarfile.SYMTYPE, "/etc/passwd"
        tar.addfile(member)
    home = tmp_path / "deep" / "home"
    with serving(Behaviour(content=buffer.getvalue())) as address:
        entry = entry_for(address, buffer.getvalue())
        with pytest.raises(DownloadError, match="the archive has no"):
            pull(replace(entry, files=(RegistryFile(name="tokens.txt", member="tokens.txt"),)), home, nothing)
    left = {path.name for path in tmp_path.rglob("*")}
    assert left <= {"deep", "home", "model.tar.bz2"}
    assert not Path("/tmp/kwsd-evil").exists()  # noqa: S108 - likewise


def test_damage_is_found_later(tiny_model_dir: Path, tmp_path: Path) -> None:
    archive = archive_of(tiny_model_dir)
    with serving(Behaviour(content=archive)) as address:
        directory = pull(entry_for(address, archive), tmp_path, nothing)
    (directory / "bpe.model").write_bytes(b"?")
    (directory / "joiner.onnx").unlink()
    problems = verify(directory)
    assert [problem.split(": ")[0] for problem in problems] == [
        str(directory / "bpe.model"),
        str(directory / "joiner.onnx"),
    ]


# ------------------------------------------------------------------------------------------------- registry, command


def test_the_packaged_registry_is_sound() -> None:
    for entry in (each for each in read_registry() if not each.name.endswith("-full")):  # those see test_wheel
        assert entry.url.startswith("https://github.com/k2-fsa/sherpa-onnx/releases/download/kws-models/")
        assert entry.url.endswith(f"{entry.root}.tar.bz2")
        assert {"tokens.txt", "decoder.onnx"} <= {file.name for file in entry.files}
        for sha256 in (entry.sha256, *(file.sha256 for file in entry.files)):
            assert sha256 is None or (len(sha256) == 64 and int(sha256, 16))


@pytest.mark.model
def test_the_registry_agrees_with_files_at_hand(shared_model_dir: Path) -> None:
    entry = find_entry("gigaspeech-3.3M", read_registry())
    same = [file for file in entry.files if file.name in {"decoder.onnx", "joiner.onnx", "tokens.txt", "bpe.model"}]
    assert len(same) == 4
    assert verify(shared_model_dir, replace(entry, files=tuple(same))) == []


def test_an_unknown_name_lists_the_known() -> None:
    with pytest.raises(ModelError, match=r"no model is called alexa; there are: gigaspeech-3.3M, zh-en-3M"):
        find_entry("alexa", read_registry())
    assert find_entry("GIGASPEECH-3.3m", read_registry()).name == "gigaspeech-3.3M"


@pytest.mark.parametrize("text", ["[x]\nurl = 3", "x = 1", "[x]\nfiles = [{colour = 1}]", "?"])
def test_a_registry_that_is_none_is_named(tmp_path: Path, text: str) -> None:
    (tmp_path / "r.toml").write_text(text)
    with pytest.raises(ModelError, match=r"r.toml: is not a model registry"):
        read_registry(tmp_path / "r.toml")


def test_pull_verify_and_list_by_command(tiny_model_dir: Path, tmp_path: Path) -> None:
    """1. `pull` from the server. 2. `list` shows it. 3. `verify` by name is well. 4. Damage it: exit code 78."""
    archive = archive_of(tiny_model_dir)
    registry = tmp_path / "registry.toml"

    def kwsctl(*arguments: str) -> Completed:
        return run(KWSCTL, "models", *arguments, "--registry", registry, home=tmp_path)

    with serving(Behaviour(content=archive)) as address:
        files = "".join(f'[[tiny-1.files]]\nname = "{name}"\nmember = "{_member(name)}"\n' for name in PARTS)
        registry.write_text(
            f'[tiny-1]\nabout = "a test"\nurl = "{address}/m.tar.bz2"\nroot = "{ROOT}"\nlicence = "none"\n{files}'
        )
        pulled = kwsctl("pull", "Tiny-1")
    directory = tmp_path / "kwsd" / "models" / "tiny-1"
    assert (pulled.returncode, pulled.stdout) == (0, f"{directory}\n"), pulled.stderr
    assert "nobody has published a checksum" in pulled.stderr
    assert f"installed in {directory}" in kwsctl("list").stdout
    assert kwsctl("verify", "tiny-1").returncode == 0
    (directory / "bpe.model").write_bytes(b"?")
    verified = kwsctl("verify", "tiny-1")
    assert verified.returncode == 78
    assert "bpe.model: has another checksum" in verified.stderr


def _member(name: str) -> str:
    return name.replace(".onnx", "-epoch-12.onnx")
