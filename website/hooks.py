"""What mkdocs is told beside mkdocs.yml: which pages there are, those made from the code, a search without a server."""

import json
import re
from collections.abc import Iterator
from fnmatch import fnmatch
from os.path import normpath
from pathlib import Path
from typing import Any

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files

from website.programs import program_pages
from website.settings import settings_page
from website.socket import socket_page

ROOT = Path(__file__).parents[1]
PAGES = (
    "*.md",
    "docs/**/*.md",
    "keywords/README.md",
    "models/**/*.md",
    "bench/README.md",
    "bench/results/*.md",
    "training/*/README.md",
)
"""The pages keep the places that they have in the repository, so one link serves readers of both."""
OWN = ("docs/pictures/favicon.svg", "docs/pictures/site.css")
LINK = re.compile(r"\]\(([^)#:\s]+)(?:#[^)]*)?\)")
SEARCH_FROM_FILE = """\
// From a file a browser starts no worker but one whose text it has been given.
if (location.protocol === "file:") {
  const text = %s;
  const FromAddress = window.Worker;
  window.Worker = function (address) {
    return new FromAddress(/workers.search/.test(address) ? URL.createObjectURL(new Blob([text])) : address);
  };
}
"""


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Put our pages, what they link to, and what is made of the code in the place of docs/ alone."""
    for file in list(files):
        if file.src_dir == config.docs_dir:
            files.remove(file)
    pages = sorted({path for pattern in PAGES for path in ROOT.glob(pattern)})
    linked = {target for page in pages for target in _linked_from(page)}
    for path in {*pages, *linked, *(ROOT / name for name in OWN)}:
        where = path.relative_to(ROOT).as_posix()
        files.append(File.generated(config, where, abs_src_path=str(path)))
    reference = {**program_pages(), "settings": settings_page(), "socket": socket_page()}
    for name, text in reference.items():
        files.append(File.generated(config, f"docs/reference/{name}.md", content=text))
    worker = next(file for file in files if fnmatch(file.src_uri, "*/workers/search.*.js"))
    shim = SEARCH_FROM_FILE % json.dumps(worker.content_string)
    files.append(File.generated(config, "assets/iframe-worker.js", content=shim))
    config.nav = list(_spread(config.nav or [], [file.src_uri for file in files.documentation_pages()]))
    return files


def _linked_from(page: Path) -> Iterator[Path]:
    """Files of the repository, other than pages, that a page links to or shows."""
    for target in LINK.findall(page.read_text(encoding="utf-8")):
        path = Path(normpath(page.parent / target))  # a link in the repository stays where it is
        if path.is_file() and path.suffix != ".md" and path.is_relative_to(ROOT):
            yield path


def _spread(nav: list[Any], pages: list[str]) -> Iterator[Any]:
    """The navigation with the pages that a name with * stands for, but for those that are named."""
    named = set(re.findall(r"'([^'*]+\.md)'", str(nav)))
    for entry in nav:
        if isinstance(entry, dict):
            yield {
                title: list(_spread(below, pages)) if isinstance(below, list) else below
                for title, below in entry.items()
            }
        elif "*" in entry:
            yield from sorted(page for page in pages if fnmatch(page, entry) and page not in named)
        else:
            yield entry
