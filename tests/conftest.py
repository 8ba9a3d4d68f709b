"""Fixtures that every test may use: the tiny model, built once, and the upstream model where there is one."""

from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from testkit.tiny_model import build_tiny_model

SLOW = [HealthCheck.too_slow]  # a busy machine is no failure
settings.register_profile("patient", deadline=None, suppress_health_check=SLOW)
settings.load_profile("patient")

SHARED = Path(__file__).parents[2] / "shared"


@pytest.fixture(scope="session")
def tiny_model_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model directory of upstream's layout that hears what `tiny_model.speak` says."""
    return build_tiny_model(tmp_path_factory.mktemp("model") / "tiny")


@pytest.fixture(scope="session")
def shared_dir() -> Path:
    """The folder of speech and models beside the checkout; tests that need it are skipped without it."""
    if not SHARED.is_dir():
        pytest.skip("there is no ../shared beside this checkout")
    return SHARED


@pytest.fixture(scope="session")
def shared_model_dir(shared_dir: Path) -> Path:
    """The upstream GigaSpeech model; mark tests that use it with `model`."""
    directory = shared_dir / "models" / "zipformer-gigaspeech-kws-3.3m"
    if not directory.is_dir():
        pytest.skip("../shared has no upstream model")
    return directory
