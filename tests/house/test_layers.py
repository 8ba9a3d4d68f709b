"""The house: dependencies point downwards as CONTRIBUTING.md says, in no circle, and a library has one importer."""

import ast
import re
from collections.abc import Iterator
from functools import cache
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "kwsd"
ROW = re.compile(r"^\| (\d) \| (.+?) \| .+ \| (.+) \|$", re.MULTILINE)
NAME = re.compile(r"`(\w+)`")
IMPORTERS: dict[str, str | tuple[str, ...]] = {
    "sounddevice": "kwsd/audio/portaudio.py",
    "soundfile": "kwsd/audio/file.py",
    "soxr": "kwsd/audio/resample.py",
    "onnxruntime": "kwsd/acoustic/session.py",
    "kaldi_native_fbank": "kwsd/acoustic/kaldi_fbank.py",
    "sentencepiece": "kwsd/text/pieces.py",
    "ahocorasick": "kwsd/keywords/overlaps.py",
    "rich": "kwsd/cli/progress.py",
    "platformdirs": "kwsd/homes.py",
    "shtab": "kwsd/cli/ctl_completions.py",
    "argparse_manpage": "kwsd/cli/man_pages.py",
    "onnx": "kwsd/models/",
    "wyoming": "kwsd/bridges/wyoming/",
    "zeroconf": "kwsd/bridges/wyoming/announce.py",
    "prometheus_client": "kwsd/bridges/metrics.py",
    "aiomqtt": "kwsd/bridges/mqtt/bridge.py",
    "starlette": "kwsd/bridges/web/",
    "uvicorn": "kwsd/bridges/web/server.py",
    "fsspec": "kwsd/archive/recordings.py",
    "distributed": "kwsd/archive/cluster.py",
    "pyarrow": "kwsd/archive/outputs.py",
    "torch": "kwsd/transcripts/pipeline_worker.py",
    "transformers": "kwsd/transcripts/pipeline_worker.py",
    "tomllib": "kwsd/",
    "pydantic": ("kwsd/protocol/", "kwsd/bridges/web/", "kwsd/limits.py"),
}
MODULES = sorted(PACKAGE.rglob("*.py"))
BESIDE = {
    "measure": {"kwsd"},
    "testkit": {"kwsd", "measure"},
    "bench": {"kwsd", "measure", "testkit"},
    "training": {"kwsd", "measure"},
    "website": {"kwsd"},
}
"""What stands beside kwsd/, and what of ours each may import; kwsd/ itself imports none of it."""
BESIDE_MODULES = sorted(path for folder in BESIDE for path in (ROOT / folder).rglob("*.py"))


def imports(path: Path) -> Iterator[str]:
    """Modules, and names of `from` imports, that a file imports anywhere."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


@cache
def floors() -> dict[str, int]:
    """Room → floor, read from the table of CONTRIBUTING.md."""
    page = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    return {room: int(floor) for floor, rooms, _ in ROW.findall(page) for room in NAME.findall(rooms)}


@cache
def allowed(room: str) -> frozenset[str]:
    """Rooms that a room may import, floor 0 and itself included."""
    page = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    own = next(cell for _, rooms, cell in ROW.findall(page) if room in NAME.findall(rooms))
    ground = {name for name, floor in floors().items() if floor == 0}
    named = set(NAME.findall(own))
    if "all below" in own:
        named = {name for name, floor in floors().items() if floor < floors()[room]} - named
    elif span := re.search(r"floors (\d) to (\d)", own):
        low, high = map(int, span.groups())
        named = {name for name, floor in floors().items() if low <= floor <= high} - named
    return frozenset(named | ground | {room})


def room_of(module: str) -> str | None:
    """The room that an imported name of kwsd lies in."""
    parts = module.split(".")
    return parts[1] if parts[0] == "kwsd" and len(parts) > 1 else None


def test_every_room_has_a_row() -> None:
    rooms = {path.relative_to(PACKAGE).parts[0].removesuffix(".py") for path in MODULES} - {"__init__", "__main__"}
    assert rooms <= set(floors())


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_dependencies_point_downwards(path: Path) -> None:
    own = path.relative_to(PACKAGE).parts[0].removesuffix(".py")
    if own in {"__init__", "__main__"}:
        return
    found = {room_of(module) for module in imports(path)} - {None, "__version__"}
    wrong = {room for room in found if room not in allowed(own)}
    assert not wrong, f"{own} may not import {sorted(map(str, wrong))}"


@pytest.mark.parametrize("path", [*MODULES, *BESIDE_MODULES], ids=lambda path: str(path.relative_to(ROOT)))
def test_what_stands_beside_is_imported_downwards(path: Path) -> None:
    own = path.relative_to(ROOT).parts[0]
    found = {module.split(".")[0] for module in imports(path)} & {*BESIDE, "kwsd", "tests"}
    assert not found - BESIDE.get(own, set()) - {own}


def test_no_files_import_in_a_circle() -> None:
    """Imports inside functions count as well: a circle hidden there is still one."""
    names = {".".join(path.relative_to(ROOT).with_suffix("").parts): path for path in MODULES}
    graph = {}
    for name, path in names.items():
        told = {module if module in names else module.rpartition(".")[0] for module in imports(path)}
        graph[name] = {module for module in told if module in names and not names[module].name.startswith("__")}
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as circle:
        pytest.fail(" → ".join(circle.args[1]))


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_one_importer_per_library(path: Path) -> None:
    where = str(path.relative_to(ROOT))
    for module in imports(path):
        place = IMPORTERS.get(module.split(".")[0])
        assert place is None or where.startswith(place), f"{where} may not import {module}: {place} does"


def test_only_programs_end_the_process() -> None:
    """Anywhere else an error is raised, and `kwsd.cli.exit_codes` tells it and ends."""
    calls = [path for path in MODULES if "sys.exit(" in path.read_text(encoding="utf-8")]
    assert [str(path.relative_to(PACKAGE)) for path in calls if path.parent.name != "cli"] == ["__main__.py"]
