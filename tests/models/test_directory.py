"""Model directories that are not what they should be: every one is refused by name, before any sound is heard."""

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import helper, numpy_helper

from kwsd.acoustic.model import Model
from kwsd.errors import ModelError
from kwsd.models.directory import find_model_directory
from testkit.commands import KWSD, run

FILES = ("tokens.txt", "bpe.model", "encoder.onnx", "decoder.onnx", "joiner.onnx", "model.toml")
Damage = Callable[[Path], object]


@pytest.fixture
def directory(tiny_model_dir: Path, tmp_path: Path) -> Path:
    """A copy of the tiny model, to be spoilt."""
    return shutil.copytree(tiny_model_dir, tmp_path / "spoilt")


def without(name: str) -> Damage:
    return lambda directory: (directory / name).unlink()


def with_bytes(name: str, content: bytes) -> Damage:
    return lambda directory: (directory / name).write_bytes(content)


def with_copy(source: str, target: str) -> Damage:
    return lambda directory: shutil.copy(directory / source, directory / target)


def with_tokens(change: Callable[[list[str]], list[str]]) -> Damage:
    def damage(directory: Path) -> None:
        path = directory / "tokens.txt"
        path.write_text("\n".join(change(path.read_text(encoding="utf-8").splitlines())), encoding="utf-8")

    return damage


def with_graph(name: str, change: Callable[[onnx.ModelProto], None]) -> Damage:
    def damage(directory: Path) -> None:
        model = onnx.load(directory / name)
        change(model)
        onnx.save(model, directory / name)

    return damage


def looks_too_far(model: onnx.ModelProto) -> None:
    """Reads element 16 of one: like upstream's -mobile export it loads, and does not run."""
    graph = model.graph
    last = next(node for node in graph.node if "encoder_out" in node.output)
    counted = next(node for node in graph.node if "new_processed_lens" in node.output)
    graph.initializer.append(numpy_helper.from_array(np.ones(1, np.float32), "one"))
    graph.node.append(helper.make_node("Gather", ["one", counted.input[0]], ["too_far"]))
    graph.node.append(helper.make_node("Mul", [last.input[0], "too_far"], ["encoder_out"]))
    graph.node.remove(last)


def not_a_number(model: onnx.ModelProto) -> None:
    weights = next(tensor for tensor in model.graph.initializer if tensor.data_type == onnx.TensorProto.FLOAT)
    array = numpy_helper.to_array(weights)
    weights.CopyFrom(numpy_helper.from_array(np.full_like(array, np.nan), weights.name))


def with_pipe(name: str) -> Damage:
    def damage(directory: Path) -> None:
        (directory / name).unlink(missing_ok=True)
        os.mkfifo(directory / name)

    return damage


def with_link(name: str, target: str) -> Damage:
    def damage(directory: Path) -> None:
        (directory / name).unlink(missing_ok=True)
        (directory / name).symlink_to(target)

    return damage


def with_hole(name: str) -> Damage:
    return lambda directory: os.truncate(directory / name, 3 << 30)


def metadata(**changes: str | None) -> Callable[[onnx.ModelProto], None]:
    def change(model: onnx.ModelProto) -> None:
        kept = {entry.key: entry.value for entry in model.metadata_props} | changes
        helper.set_model_props(model, {key: value for key, value in kept.items() if value is not None})

    return change


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (without("tokens.txt"), "tokens.txt"),
        (without("bpe.model"), "bpe.model"),
        (without("encoder.onnx"), "no encoder"),
        (without("decoder.onnx"), "no decoder"),
        (without("joiner.onnx"), "no joiner"),
        (with_bytes("encoder.onnx", b"not ONNX"), "encoder.onnx: onnxruntime cannot load it"),
        (with_bytes("decoder.onnx", b""), "decoder.onnx: onnxruntime cannot load it"),
        (with_bytes("bpe.model", b"not sentencepiece"), "bpe.model: is not a sentencepiece model"),
        (with_bytes("bpe.model", b""), "bpe.model: is empty"),
        (with_bytes("tokens.txt", b"\xff\xfe"), "tokens.txt: cannot be read"),
        (with_tokens(lambda lines: lines[:-1]), "tokens.txt has 63 tokens, the joiner 64"),
        (with_tokens(lambda lines: [*lines, "NEW 64"]), "tokens.txt has 65 tokens, the joiner 64"),
        (with_tokens(lambda lines: [*lines, "NEW 3"]), "tokens.txt:65: id 3 is already taken"),
        (with_tokens(lambda lines: [*lines, "NEW"]), "tokens.txt:65: 'NEW' is not `piece id`"),
        (with_tokens(lambda _: []), "tokens.txt"),
        *((with_pipe(name), f"{name}: is a pipe") for name in FILES),
        *((with_link(name, "/dev/zero"), f"{name}: is a pipe, a socket or a device") for name in FILES),
        (with_pipe("encoder.int8.onnx"), "encoder.int8.onnx: is a pipe"),  # that nobody reads, where others serve
        (with_hole("encoder.onnx"), "encoder.onnx: is larger than 1024 MB"),
        (with_hole("tokens.txt"), "tokens.txt"),
        (with_copy("decoder.onnx", "encoder.onnx"), "encoder.onnx: not a streaming Zipformer2 export"),
        (with_copy("encoder.onnx", "decoder.onnx"), "decoder"),
        (with_copy("decoder.onnx", "joiner.onnx"), "joiner.onnx: is not a joiner"),
        (with_copy("encoder.onnx", "joiner.onnx"), "joiner.onnx: is not a joiner"),
        (with_graph("encoder.onnx", looks_too_far), "the graph does not run"),
        (with_graph("encoder.onnx", not_a_number), "expected 8 finite frames"),
        (with_graph("joiner.onnx", not_a_number), "the joiner's output is not finite"),
        (with_graph("encoder.onnx", metadata(T=None)), "metadata lacks T as a number"),
        (with_graph("encoder.onnx", metadata(T="many")), "metadata lacks T as a number"),
        (with_graph("encoder.onnx", metadata(decode_chunk_len="64")), "expected 16 finite frames"),
        (with_graph("decoder.onnx", metadata(context_size="3")), "context size 3"),
    ],
)
def test_a_spoilt_model_is_refused_by_name(directory: Path, damage: Damage, message: str) -> None:
    damage(directory)
    with pytest.raises(ModelError) as caught:
        Model(directory)
    assert message in str(caught.value)
    assert str(directory) in str(caught.value)


def test_the_command_says_so_and_ends_with_78(directory: Path, tmp_path: Path) -> None:
    with_graph("encoder.onnx", looks_too_far)(directory)
    (tmp_path / "keywords.txt").write_text("lights on\n")
    done = run(KWSD, "--model", directory, "--keywords", "keywords.txt", "--input", "-", home=tmp_path)
    assert (done.returncode, done.stdout) == (78, "")
    assert "encoder.onnx: the graph does not run" in done.stderr
    assert "Traceback" not in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_names_are_found_in_the_cache_in_any_case(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "user"))
    monkeypatch.setenv("CACHE_DIRECTORY", f"{tmp_path / 'service'}:/elsewhere")
    own = tmp_path / "user" / "kwsd" / "models" / "Tiny-1"
    own.mkdir(parents=True)
    assert find_model_directory("tiny-1") == own
    served = tmp_path / "service" / "models" / "tiny-1"
    served.mkdir(parents=True)
    assert find_model_directory("tiny-1") == served, "what systemd gives comes first"
    assert find_model_directory(own) == own


def test_a_model_that_is_not_there_names_the_command_that_gets_it() -> None:
    with pytest.raises(ModelError, match=r"kwsctl models pull GigaSpeech-3\.3m"):
        find_model_directory("GigaSpeech-3.3m")


def test_a_model_that_nobody_has_is_answered_with_those_there_are() -> None:
    with pytest.raises(ModelError, match=r'did you mean "gigaspeech-3\.3M"\? kwsctl models list shows'):
        find_model_directory("gigaspeech")
