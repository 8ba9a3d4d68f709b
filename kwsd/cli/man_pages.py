"""Man pages, made from the parsers. The only importer of argparse_manpage."""

import argparse
import os
from datetime import UTC, datetime
from pathlib import Path

from argparse_manpage.manpage import Manpage

from kwsd import __version__


def man_page(parser: argparse.ArgumentParser) -> str:
    """The page of a program, for section 1. Its date is that of the package, or SOURCE_DATE_EPOCH."""
    page = Manpage(parser)
    made_s = float(os.environ.get("SOURCE_DATE_EPOCH") or Path(__file__).stat().st_mtime)
    page.date = datetime.fromtimestamp(made_s, UTC).strftime("%B %-d, %Y")
    page.source = f"kwsd {__version__}"
    page.manual = "User Commands"
    page.description = (parser.description or "").partition("\n")[0].rstrip(".")
    return str(page)
