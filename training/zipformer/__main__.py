"""From recordings to a model directory, a command for each step: `python -m training.zipformer COMMAND --help`.

In order: prepare and train; average and export; tune, describe and evaluate. README.md has them with their arguments.
What trains needs torch: `pip install 'kwsd[train]'`, or `scripts/training-environment` where a CPU wheel lies at hand.
"""

import argparse
import sys

from kwsd.errors import KwsdError
from training.extra import without_extra
from training.zipformer import data_commands, model_commands, train_commands


def main(arguments: list[str] | None = None) -> int:
    """Run one command; gives the exit status."""
    parser = argparse.ArgumentParser(
        prog="python -m training.zipformer", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for chapter in (data_commands, train_commands, model_commands):
        chapter.add_parsers(commands)
    args = parser.parse_args(arguments)
    try:
        args.run(args)
    except ModuleNotFoundError as error:
        print(f"{args.command}: {without_extra(error)}", file=sys.stderr)
        return 1
    except (FileNotFoundError, ValueError, KwsdError) as error:
        print(f"{args.command}: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
