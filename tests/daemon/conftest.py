"""A microphone for a daemon of one test, and files for one that all tests of a module share."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from testkit.daemons import Plug


@pytest.fixture
def plug(tmp_path: Path) -> Iterator[Plug]:
    """Plugged in already."""
    with Plug(tmp_path) as plug:
        yield plug


@pytest.fixture(scope="module")
def directory(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where a daemon of all tests of the module has its files."""
    return tmp_path_factory.mktemp("daemon")
