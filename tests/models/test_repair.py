"""`kwsctl models repair`: the -mobile encoder does not run, the repaired one does, and computes what it should."""

from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from kwsd.acoustic.session import make_session
from kwsd.errors import ModelError
from kwsd.models.repair import repair_directory, repair_encoder
from testkit.commands import KWSCTL, run

BLOCKS = ("downsample", "downsample_1", "downsample_2", "downsample_3", "downsample_4", "downsample_output")


def broken_export(path: Path, blocks: tuple[str, ...] = BLOCKS) -> Path:
    """The fault alone: in each block, one frame too many is appended before frames are paired by a Reshape."""
    constants = {"pairs": [-1, 2, 1], "from": [-1], "to": [2**31], "frames": [0], "flat": [16, 1]}
    nodes, x = [], "x"
    for block in blocks:
        nodes += [
            helper.make_node("Slice", [x, "from", "to", "frames"], [f"{block}_last"], name=f"/{block}/Slice"),
            helper.make_node("Concat", [x, f"{block}_last"], [f"{block}_padded"], name=f"/{block}/Concat_1", axis=0),
            helper.make_node("Reshape", [f"{block}_padded", "pairs"], [f"{block}_pairs"], name=f"/{block}/Reshape_1"),
            helper.make_node("Reshape", [f"{block}_pairs", "flat"], [f"{block}_out"], name=f"/{block}/Reshape_2"),
        ]
        x = f"{block}_out"
    nodes.append(helper.make_node("Neg", [x], ["encoder_out"]))
    tensors = [numpy_helper.from_array(np.array(value, np.int64), name) for name, value in constants.items()]
    inputs = [helper.make_tensor_value_info("x", TensorProto.FLOAT, [16, 1])]
    outputs = [helper.make_tensor_value_info("encoder_out", TensorProto.FLOAT, [16, 1])]
    graph = helper.make_graph(nodes, "broken", inputs, outputs, tensors)
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=7), path)
    return path


def test_a_broken_export_runs_after_the_repair(tmp_path: Path) -> None:
    broken = broken_export(tmp_path / "encoder.onnx")
    frames = np.arange(16, dtype=np.float32)[:, None]
    with pytest.raises(Exception, match="Reshape_1"):
        make_session(broken).run(None, {"x": frames})
    repair_encoder(broken, tmp_path / "fixed.onnx")
    assert np.array_equal(make_session(tmp_path / "fixed.onnx").run(None, {"x": frames})[0], -frames)
    kinds = {node.op_type for node in onnx.load(tmp_path / "fixed.onnx").graph.node}
    assert kinds == {"Reshape", "Neg"}, "what fed only the padding is gone too"


def test_another_fault_is_left_alone(tmp_path: Path) -> None:
    broken = broken_export(tmp_path / "encoder.onnx", BLOCKS[:2])
    with pytest.raises(ModelError, match="has 2 padding nodes to take out, not 6; left as it is"):
        repair_encoder(broken, tmp_path / "fixed.onnx")
    assert not (tmp_path / "fixed.onnx").exists()


def test_a_sound_model_needs_no_repair(tiny_model_dir: Path, tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="nothing to repair"):
        repair_directory(tiny_model_dir, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_nothing_is_overwritten(tmp_path: Path) -> None:
    broken_export(tmp_path / "encoder.onnx")
    with pytest.raises(ModelError, match="is not empty"):
        repair_directory(tmp_path, tmp_path)


def test_what_is_no_onnx_file_is_named(tmp_path: Path) -> None:
    (tmp_path / "encoder.onnx").write_bytes(b"not ONNX")
    with pytest.raises(ModelError, match=r"encoder.onnx: is not an ONNX file"):
        repair_directory(tmp_path, tmp_path / "out")


@pytest.fixture
def mobile_export(shared_model_dir: Path, tmp_path: Path) -> Path:
    """The shipped model directory, without the repaired encoder that stands beside it in ../shared."""
    directory = tmp_path / "mobile"
    directory.mkdir()
    for name in ("encoder.int8.onnx", "decoder.onnx", "joiner.onnx", "tokens.txt", "bpe.model"):
        (directory / name).symlink_to(shared_model_dir / name)
    return directory


@pytest.mark.model
def test_upstreams_mobile_export_is_repaired_by_command(mobile_export: Path, tmp_path: Path) -> None:
    """1. `verify` says that it does not run. 2. `repair` writes a copy. 3. `verify` is content with that."""
    broken = run(KWSCTL, "models", "verify", mobile_export, home=tmp_path)
    assert broken.returncode == 78
    assert "kwsctl models repair" in broken.stderr
    assert "Traceback" not in broken.stderr
    repaired = run(KWSCTL, "models", "repair", mobile_export, "out", home=tmp_path)
    assert (repaired.returncode, repaired.stdout) == (0, "out/encoder.int8.onnx: repaired\n"), repaired.stderr
    assert run(KWSCTL, "models", "verify", "out", home=tmp_path).returncode == 0


@pytest.mark.model
def test_the_repair_computes_what_the_reference_repair_does(shared_model_dir: Path, tmp_path: Path) -> None:
    """Every output of three chunks of noise, the state fed back."""
    repair_encoder(shared_model_dir / "encoder.int8.onnx", tmp_path / "fixed.onnx")
    sessions = [make_session(tmp_path / "fixed.onnx"), make_session(shared_model_dir / "encoder.int8.fixed.onnx")]
    fed = {
        one.name: np.zeros(one.shape, np.int64 if "int64" in one.type else np.float32)
        for one in sessions[0].get_inputs()
    }
    random = np.random.default_rng(0)
    for _ in range(3):
        fed["x"] = np.asarray(random.normal(-8, 3, fed["x"].shape), np.float32)
        mine, reference = (session.run(None, fed) for session in sessions)
        assert all(np.array_equal(one, other) for one, other in zip(mine, reference, strict=True))
        fed.update(zip([name for name in fed if name != "x"], mine[1:], strict=True))
