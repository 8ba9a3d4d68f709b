"""The `kwsd-archive` command: what was said, in thousands of hours of recordings, by many workers."""

import argparse
import logging
import signal
from collections.abc import Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from kwsd import __version__
from kwsd.cli.arguments import number
from kwsd.cli.exit_codes import require_extra, run_program
from kwsd.errors import DONE, DONE_IN_PART, EXIT_CODES, FlagError, KwsdError, shortened

if TYPE_CHECKING:
    from kwsd.archive.cluster import Workers
    from kwsd.archive.outputs import Row
    from kwsd.archive.run import FileOutcome, IndexReport
    from kwsd.config import Settings
    from kwsd.keywords.keyword import Keyword

logger = logging.getLogger(__name__)

DESCRIPTION = """\
Finds what was said in recordings. `index` encodes them once, on all cores or a Dask cluster, and keeps what the encoder
made of them; `search` looks for a list of phrases in that, as often as the list changes; `scan` does both.
They hear what `kwsd --input FILE --no-quiet-gate --no-automatic-gain` hears, at the same times: both hang on all that
came before, and on the keywords, while an index is cut into spans and serves any list."""

EPILOG = f"""\
examples:
  kwsd-archive index calls/ --store frames
  kwsd-archive search --store frames --keywords phrases.txt --out hits.parquet --report hits.html
  kwsd-archive scan 'talk/*.flac' --keywords phrases.txt --out hits.csv
  kwsd-archive index s3://bucket/2026/ --store /mnt/frames --scheduler tcp://head:8786

A run that was ended goes on when it is started again. What became of each file stands in STORE/report.jsonl.
{EXIT_CODES}"""


NO_PHRASES = """\
there is nothing to look for; write phrases to a text file, one phrase per line:
  echo "lights on" > phrases.txt && kwsd-archive search --store DIR --keywords phrases.txt"""


def main(argv: Sequence[str] | None = None) -> int:
    """Run `kwsd-archive` with these arguments (those of the process by default); returns the exit code."""
    return run_program(make_parser(), run, argv)


def make_parser() -> argparse.ArgumentParser:
    """Its arguments."""
    plain = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(prog="kwsd-archive", description=DESCRIPTION, epilog=EPILOG, formatter_class=plain)
    parser.add_argument("--version", action="version", version=f"kwsd-archive {__version__}")
    commands = parser.add_subparsers(dest="command", required=True, metavar="index|search|scan")
    helps = {
        "index": "encode recordings and keep their frames",
        "search": "look for phrases in kept frames",
        "scan": "both at once",
    }
    for name, what in helps.items():
        command = commands.add_parser(name, help=what, description=what, epilog=EPILOG, formatter_class=plain)
        if name != "search":
            command.add_argument(
                "sources", nargs="+", metavar="SOURCE", help="files, folders, globs, or what fsspec reads, as s3://…"
            )
        command.add_argument("--store", type=Path, metavar="DIR", required=name != "scan", help="where frames are kept")
        command.add_argument(
            "--report", type=Path, metavar="FILE.html", help="a page with timelines and sounds of hits"
        )
        if name != "index":
            command.add_argument("--keywords", metavar="FILE", help="phrases to look for, one per line")
            command.add_argument(
                "--out", type=Path, metavar="FILE", help="table of hits, .jsonl, .csv or .parquet; else it is printed"
            )
            command.add_argument("--threshold", type=number, metavar="X", help="score that counts, 0 to 1")
            command.add_argument("--boost", type=number, metavar="X", help="how much the search leans to the phrases")
        workers = command.add_mutually_exclusive_group()
        workers.add_argument("--scheduler", metavar="tcp://HOST:PORT", help="a Dask cluster, instead of this machine")
        workers.add_argument(
            "--workers", type=workers_count, metavar="N", help="processes here; one for each core by default"
        )
        command.add_argument("--model", metavar="NAME|DIR", help="a model, or its directory; kwsd-en comes with kwsd")
        command.add_argument("--config", type=Path, metavar="FILE.toml", help="settings, if not the usual config.toml")
        command.add_argument("-v", "--verbose", action="store_true", help="log more, and show tracebacks")
    return parser


def workers_count(typed: str) -> int:
    """For `type=`: at least one."""
    if not typed.isdecimal() or not int(typed):
        raise argparse.ArgumentTypeError(f"{shortened(typed)} is no number of processes; one or more")
    return int(typed)


def run(arguments: argparse.Namespace) -> int:
    """Index, search or both; 3 where a file or a piece could not be used. Raises KwsdError."""
    require_extra("archive", ("distributed", "fsspec", "pyarrow"))
    if arguments.scheduler is None:
        from kwsd.archive.forks import begin_forks  # noqa: PLC0415 - --help should wait for none of it

        begin_forks()
    from kwsd.archive.cluster import open_workers  # noqa: PLC0415 - likewise
    from kwsd.archive.outputs import require_known  # noqa: PLC0415 - likewise
    from kwsd.config import load_settings  # noqa: PLC0415 - likewise

    searches = arguments.command != "index"
    flags = {"model": arguments.model}
    if searches:
        own = {"search.threshold": arguments.threshold, "search.boost": arguments.boost}
        flags |= {"keywords": arguments.keywords, **own}
        if arguments.out is not None:
            require_known(arguments.out)
    if arguments.report is not None:
        require_known(arguments.report, "--report", (".html", ".htm"))
    settings = load_settings(flags, file=arguments.config).settings
    if searches and settings.keywords is None:
        raise FlagError(NO_PHRASES)
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # a store of its own is taken away then as well
    with TemporaryDirectory(prefix="kwsd-archive-") as own_store:
        store = arguments.store or Path(own_store)
        if arguments.command == "search" and not store.is_dir():
            raise KwsdError(f"{store} does not exist: `kwsd-archive index SOURCE… --store {store}` makes it")
        with open_workers(arguments.scheduler, arguments.workers) as workers:
            return work(arguments, settings, store.absolute(), workers)


def work(arguments: argparse.Namespace, settings: "Settings", folder: Path, workers: "Workers") -> int:
    """What `run` does, once there is somebody to do it."""
    from kwsd.acoustic.model import Model  # noqa: PLC0415 - --help should wait for none of it
    from kwsd.archive.jobs import sound_of  # noqa: PLC0415 - likewise
    from kwsd.archive.recordings import Unusable  # noqa: PLC0415 - likewise
    from kwsd.archive.run import REPORT, index, kept_in, outcomes_in, search, survey  # noqa: PLC0415 - likewise
    from kwsd.archive.search import require_short_memory  # noqa: PLC0415 - likewise
    from kwsd.archive.store import Store  # noqa: PLC0415 - likewise
    from kwsd.cli.progress import sound_progress  # noqa: PLC0415 - likewise
    from kwsd.cli.run_files import load_keywords  # noqa: PLC0415 - likewise
    from kwsd.spotters.phrases import PhraseSpotter  # noqa: PLC0415 - likewise

    model = Model.load(settings.model, same_everywhere=True)
    keywords: list[Keyword] = []
    if arguments.command != "index" and settings.keywords is not None:
        keywords = list(load_keywords(settings.keywords, model.tokenizer))
        require_short_memory(PhraseSpotter(model, keywords, settings.search).compiled)
    done, only, total_s = DONE, None, 0.0
    outcomes: list[FileOutcome] = []
    rows: list[Row] = []
    versions: Mapping[str, str] = {}
    if arguments.command != "search":
        found = survey(workers, arguments.sources)
        only = {each.uri for each in found}
        total_s = sum(each.duration_s or 0.0 for each in found if not isinstance(each, Unusable))
        with sound_progress("encoding", total_s) as advance:
            report = index(workers, folder, model, found, advance)
        done, outcomes = tell_index(report, folder), [*report.outcomes.values()]
    if arguments.command != "index":
        total_s = total_s or sum(map(sound_of, kept_in(Store(folder, model.encoder.fingerprint))))
        with sound_progress("searching", total_s) as advance:
            searched = search(workers, folder, model, keywords, settings.search, advance=advance, only=only)
        for problem in searched.problems:
            logger.warning("%s", problem)
            done = DONE_IN_PART
        logger.info("searched: %.2f h of sound, %.1f core-seconds", searched.sound_s / 3600, searched.core_s)
        rows, versions = searched.rows, searched.versions
        tell_hits(rows, arguments.out)
    if arguments.report is not None:
        store = Store(folder, model.encoder.fingerprint)
        tell_page(workers, arguments.report, outcomes or outcomes_in(store, folder / REPORT), rows, versions)
    return done


def tell_index(report: "IndexReport", folder: Path) -> int:
    """What became of the files, on stderr and in the store; the exit code."""
    from kwsd.archive.run import REPORT  # noqa: PLC0415 - --help should wait for none of it

    try:
        folder.mkdir(parents=True, exist_ok=True)
        report.write(folder / REPORT)
    except OSError as error:
        logger.warning("%s: cannot be written: %s", folder / REPORT, error.strerror or error)
    counts: dict[str, int] = {}
    for each in report.outcomes.values():
        counts[each.outcome] = counts.get(each.outcome, 0) + 1
        if each.outcome == "failed":
            logger.warning("%s: %s", each.recording, "; ".join(each.notes))
    hours = sum(each.sound_s for each in report.outcomes.values()) / 3600
    told = ", ".join(f"{number} {outcome}" for outcome, number in sorted(counts.items()))
    logger.info("%s: %.2f h of sound, %.1f core-seconds", told or "nothing", hours, report.core_s)
    if report.store_error:
        raise KwsdError(f"{report.store_error}; make room, and run it again: it goes on from here")
    return DONE_IN_PART if set(counts) & {"failed", "waiting"} else DONE


def tell_page(
    workers: "Workers",
    path: Path,
    outcomes: "Sequence[FileOutcome]",
    rows: "Sequence[Row]",
    versions: Mapping[str, str],
) -> None:
    """The page, with the sound of the surest hits; `versions` are those of the recordings that were searched."""
    from kwsd.archive.page import write_page  # noqa: PLC0415 - --help should wait for none of it
    from kwsd.archive.snippets import HitPlace, cut_out, surest  # noqa: PLC0415 - likewise
    from kwsd.cli.progress import counted  # noqa: PLC0415 - likewise

    groups, sounds = [(versions[uri], places) for uri, places in surest(rows).items()], dict[HitPlace, str]()
    by_recording = {each.recording: each for each in outcomes}
    with counted("cutting out", len(groups)) as advance:
        for (_, places), result in workers.run(cut_out, groups):
            if isinstance(result, Exception):
                by_recording[places[0].recording].notes.append(f"no sound: {result}")
            else:
                sounds |= result
            advance()
    write_page(path, outcomes, rows, sounds)
    logger.info("%d recordings in %s", len(outcomes), path)


def tell_hits(rows: "Sequence[Row]", out: Path | None) -> None:
    """Into the file, or as lines on stdout."""
    from kwsd.archive.outputs import write_hits  # noqa: PLC0415 - --help should wait for none of it
    from kwsd.outlets.stdout import write_line  # noqa: PLC0415 - likewise
    from kwsd.records import printable  # noqa: PLC0415 - likewise

    if out is not None:
        write_hits(out, rows)
        logger.info("%d hits in %s", len(rows), out)
        return
    for row in rows:
        write_line(printable(f"{row['recording']}: {row['start']:8.2f} s  {row['keyword']}  {row['score']:.2f}"))
