"""`kwsctl models`: list, pull, verify, optimise, repair."""

import argparse
import logging
from pathlib import Path
from typing import Any

from kwsd.errors import ModelError
from kwsd.models.description import read_description
from kwsd.models.directory import COMPACT, find_model_directory, model_homes, packaged_models, pulled_models
from kwsd.models.registry import PACKAGED, find_entry, read_registry

logger = logging.getLogger(__name__)

MEGABYTE = 1_000_000


def add_parser(subparsers: Any) -> argparse.ArgumentParser:
    """Declare `models` and what it can do."""
    parser: argparse.ArgumentParser = subparsers.add_parser("models", help="list, fetch, verify and repair models")
    actions = parser.add_subparsers(metavar="ACTION", required=True)
    listing = actions.add_parser("list", help="models that can be fetched, and those installed")
    listing.set_defaults(action=list_models)
    pull = actions.add_parser("pull", help="fetch a model; an interrupted download is continued")
    pull.add_argument("name", metavar="NAME")
    pull.add_argument("--to", type=Path, metavar="DIR", help="where models are kept (default: the user's cache)")
    pull.add_argument("--from", type=Path, dest="archive", metavar="FILE", help="its archive, fetched in another way")
    pull.set_defaults(action=pull_model)
    verify = actions.add_parser("verify", help="compare a model's checksums and run a chunk of silence through it")
    verify.add_argument("model", metavar="NAME|DIR")
    verify.set_defaults(action=verify_model)
    faster = actions.add_parser("optimise", help="write a graph of the encoder that costs two thirds of the export")
    faster.add_argument("model", metavar="NAME|DIR")
    faster.set_defaults(action=optimise_model)
    repair = actions.add_parser("repair", help="mend an upstream -mobile export, which does not run as it is")
    repair.add_argument("directory", type=Path, metavar="DIR")
    repair.add_argument("out", type=Path, metavar="OUT", help="a new directory, for the mended copy")
    repair.set_defaults(action=repair_model)
    for action in (listing, pull, verify):
        action.add_argument("--registry", type=Path, default=PACKAGED, metavar="FILE", help="another registry.toml")
    return parser


def run(arguments: argparse.Namespace) -> int:
    """Do what was asked; the exit code."""
    arguments.action(arguments)
    return 0


def list_models(arguments: argparse.Namespace) -> None:
    """`list`: those that came with kwsd, those of the registry, and those that are here besides."""
    registry = read_registry(arguments.registry)
    for directory in packaged_models():
        model = read_description(directory)
        print(f"{model.name} {model.version}: {model.about}" if model.about else model.name)
        if model.licence:
            print(f"    licence: {model.licence}")
        for source in model.training_data:
            print(f"    trained on {source}")
        print(f"    came with kwsd, in {directory}")
    for entry in registry:
        print(f"{entry.name}: {entry.about}, {_megabytes(entry.size)}")
        try:
            where = f"installed in {find_model_directory(entry.name)}"
        except ModelError:
            where = f"not installed: kwsctl models pull {entry.name}"
        for line in (f"licence: {entry.licence}", entry.note and f"note: {entry.note}", where):
            if line:
                print(f"    {line}")
    known = {entry.name.casefold() for entry in registry}
    for directory in pulled_models():
        if directory.name.casefold() not in known:
            print(f"{directory.name}: installed in {directory}")


def pull_model(arguments: argparse.Namespace) -> None:
    """`pull`: fetch one, verify it, and write a faster graph of its encoder."""
    from kwsd.cli.progress import download_progress  # noqa: PLC0415 - likewise
    from kwsd.models.install import pull  # noqa: PLC0415 - `kwsctl --help` needs no network

    entry = find_entry(arguments.name, read_registry(arguments.registry))
    home = arguments.to or model_homes()[0]
    logger.info("fetching %s, %s: %s", entry.name, _megabytes(entry.size), arguments.archive or entry.url)
    logger.info("licence: %s", entry.licence)
    if entry.note:
        logger.warning("%s", entry.note)
    with download_progress(entry.name) as advance:
        directory = pull(entry, home, advance, arguments.archive)
    if entry.sha256 is None and not all(file.sha256 for file in entry.files):
        logger.warning("nobody has published a checksum of this model: the files as fetched were recorded and trusted")
    try:
        if _listens(directory) and not (directory / f"encoder{COMPACT}").exists():
            _write_compact(directory)
    except ModelError as error:
        logger.info(
            "the encoder runs as it is, at half as much again (kwsctl models optimise %s: %s)", entry.name, error
        )
    print(directory)


def optimise_model(arguments: argparse.Namespace) -> None:
    """`optimise`: write that graph for a model that is here."""
    print(_write_compact(find_model_directory(arguments.model)))


def _write_compact(directory: Path) -> Path:
    from kwsd.acoustic.alike import require_alike  # noqa: PLC0415 - `kwsctl --help` needs no numpy
    from kwsd.models.optimise import optimise  # noqa: PLC0415 - likewise

    return optimise(directory, require_alike)


def verify_model(arguments: argparse.Namespace) -> None:
    """`verify`: compare checksums, and run it."""
    from kwsd.acoustic.model import Model  # noqa: PLC0415 - likewise
    from kwsd.models.install import require_intact  # noqa: PLC0415 - likewise

    directory = find_model_directory(arguments.model)
    pulled = (entry for entry in read_registry(arguments.registry) if entry.name == directory.resolve().name)
    require_intact(directory, next(pulled, None))
    if _listens(directory):
        model = Model(directory)
        print(f"{directory}: {model.name} is well, {len(model.tokens)} tokens")
    else:
        print(f"{directory}: its files are well")


def _listens(directory: Path) -> bool:
    """Whether it is a model to listen with, and not a part of one that others use."""
    return any(directory.glob("encoder*.onnx"))


def repair_model(arguments: argparse.Namespace) -> None:
    """`repair`: mend a copy of an upstream -mobile export."""
    from kwsd.acoustic.model import Model  # noqa: PLC0415 - likewise
    from kwsd.models.repair import repair_directory  # noqa: PLC0415 - likewise

    for path in repair_directory(find_model_directory(arguments.directory), arguments.out):
        print(f"{path}: repaired")
    Model(arguments.out)


def _megabytes(size: int | None) -> str:
    return "size unknown" if size is None else f"{size / MEGABYTE:.1f} MB"
