"""The documentation site: every page has its place, every link leads somewhere, and nothing is asked for elsewhere."""

import json
import os
import re
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

from kwsd.cli.programs import make_parsers
from kwsd.config.load import keys
from kwsd.events import EVENT_TYPES

ROOT = Path(__file__).parents[2]
ELSEWHERE = re.compile(r"<(?:script|img|link|iframe|source)\b[^>]*(?:src|href)=[\"']?(?:https?:)?//[^\s>]*")
TAG = re.compile(r"<[^>]+>")


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Built as `scripts/docs` does, which ends with 1 where a page is in no menu or a link leads nowhere."""
    if find_spec("mkdocs") is None or find_spec("material") is None:
        pytest.skip("needs mkdocs-material: scripts/environment docs")
    out = tmp_path_factory.mktemp("site")
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", str(out)]
    environ = {**os.environ, "NO_MKDOCS_2_WARNING": "1"}
    built = subprocess.run(command, cwd=ROOT, env=environ, capture_output=True, text=True, check=False)
    assert built.returncode == 0, "\n".join(line for line in built.stderr.splitlines() if not line.startswith("INFO"))
    return out


def words_of(page: Path) -> str:
    """What a reader sees."""
    return TAG.sub("", page.read_text(encoding="utf-8"))


def test_the_menu_has_every_page_and_links_are_sound(site: Path) -> None:
    """Both are refused by the build; here only that the pages outside of docs/ are among them."""
    for name in (
        "index",
        "keywords/index",
        "bench/results/engine",
        "docs/decisions/0008-frames-are-the-seam",
        "CHANGELOG",
    ):
        assert (site / f"{name}.html").is_file()


def test_no_page_asks_for_anything_elsewhere(site: Path) -> None:
    asked = {found for page in site.rglob("*.html") for found in ELSEWHERE.findall(page.read_text(encoding="utf-8"))}
    assert not asked


def test_the_reference_has_every_option_setting_and_message(site: Path) -> None:
    reference = site / "docs" / "reference"
    for name, parser in make_parsers().items():
        told = words_of(reference / f"{name}.html")
        assert not [flag for action in parser._actions[1:] for flag in action.option_strings if flag not in told]
    settings = words_of(reference / "settings.html")
    assert not [key for key, _ in keys() if f"KWSD_{key.replace('.', '_').upper()}" not in settings]
    messages = words_of(reference / "socket.html")
    assert not [name for name in EVENT_TYPES if name not in messages]


def test_what_is_made_is_not_kept(site: Path) -> None:
    """The reference cannot be stale: it is in the site alone."""
    assert (site / "docs" / "reference").is_dir()
    assert not (ROOT / "docs" / "reference").exists()


def test_search_finds_words_of_pages_and_of_the_reference(site: Path) -> None:
    """Its index lies beside the pages, as a script too, so that a page opened as a file has it without a server."""
    index = json.loads((site / "search" / "search_index.json").read_text(encoding="utf-8"))
    places = {entry["location"].partition("#")[0] for entry in index["docs"] if "refractory_s" in entry["text"]}
    assert {"docs/reference/settings.html", "keywords/index.html"} <= places
    assert (site / "search" / "search_index.js").is_file()
    assert "createObjectURL" in (site / "assets" / "iframe-worker.js").read_text(encoding="utf-8")
