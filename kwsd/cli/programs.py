"""The programs that come with kwsd, as the installed package declares them, and their arguments."""

import argparse
import importlib
from importlib.metadata import PackageNotFoundError, distribution

from kwsd.errors import FlagError, KwsdError


def make_parsers(only: str | None = None) -> dict[str, argparse.ArgumentParser]:
    """Name of each program, or of this one → its arguments. Every module of `[project.scripts]` has a `make_parser`.

    Raises FlagError where there is no such program, and KwsdError where kwsd runs without being installed.
    """
    try:
        scripts = distribution("kwsd").entry_points.select(group="console_scripts")
    except PackageNotFoundError:
        raise KwsdError("kwsd runs from a folder and is not installed; try pip install .") from None
    names = sorted(script.name for script in scripts)
    if only is not None and only not in names:
        raise FlagError(f"{only} is no program of kwsd; there are {', '.join(names)}")
    modules = {name: importlib.import_module(scripts[name].module) for name in ([only] if only else names)}
    return {name: module.make_parser() for name, module in modules.items()}
