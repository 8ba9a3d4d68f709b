"""A copy of upstream's model with the compact graph that `kwsctl models optimise` writes: ../shared is read only."""

import shutil
from pathlib import Path

from kwsd.acoustic.alike import require_alike
from kwsd.models.optimise import optimise
from measure.paths import MODEL, WORK


def optimised_model() -> Path:
    """Its directory; the graph is written anew each time, by the code that is measured."""
    directory = WORK / "models" / f"{MODEL.name}-optimised"
    shutil.rmtree(directory, ignore_errors=True)
    directory.mkdir(parents=True)
    for path in MODEL.iterdir():
        if path.is_file():
            shutil.copyfile(path, directory / path.name)
    optimise(directory, require_alike)
    return directory
