"""`kwsctl tune`: recall against false alarms per hour out of one's own recordings, and the thresholds that follow."""

import argparse
import json
import logging
import wave
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import asdict
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kwsd.cli.arguments import number
from kwsd.cli.connect import add_socket_argument, connect, socket_of, wait_for_daemon
from kwsd.cli.exit_codes import require_extra
from kwsd.cli.rates import duration_s, per_hour
from kwsd.cli.terminal import say
from kwsd.errors import DONE, DONE_IN_PART, FlagError

if TYPE_CHECKING:
    from kwsd.cli.tuning_setup import Setup
    from kwsd.keywords.keyword import Keyword
    from kwsd.search.settings import SearchSettings
    from kwsd.stream import Chunk, Frames
    from kwsd.tuning.curves import Curve, Positives

logger = logging.getLogger(__name__)

EPILOG = """\
examples:
  kwsctl tune --listen 8h                                  gather background: encoder frames, never sound
  kwsctl tune said/ --background talk/ --keywords k.toml   said/ has a folder for each keyword
  kwsctl tune said.tsv clips/ --false-alarms 0.1/h         a manifest (path, keyword); clips that were judged
  kwsctl tune said/ --png curves.png --write               write what is proposed into the keyword file
What was encoded is kept, so that a second run, or one that goes on after Ctrl-C, costs the search alone."""


def add_parser(subparsers: Any) -> argparse.ArgumentParser:
    """Declare `tune`."""
    parser: argparse.ArgumentParser = subparsers.add_parser(
        "tune",
        help="thresholds out of your own recordings",
        description="Show recall against false alarms per hour for each keyword, and propose a threshold and boost.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "recordings", nargs="*", type=Path, metavar="PATH", help="folders named after keywords, manifests, judged clips"
    )
    parser.add_argument(
        "--background", nargs="+", type=Path, metavar="PATH", help="recordings in which no keyword is said, or folders"
    )
    parser.add_argument("--listen", type=duration_s, metavar="T", help="gather background by the daemon, like 8h")
    parser.add_argument("--device", metavar="NAME", help="microphone for --listen, beside the daemon")
    parser.add_argument("--keep-sound", type=Path, metavar="FILE.wav", help="with --listen: keep the sound as well")
    parser.add_argument(
        "--false-alarms", type=per_hour, default=0.3, metavar="R", help="wanted at most, such as 0.1/h (default: 0.3/h)"
    )
    parser.add_argument(
        "--boost", nargs="+", type=number, default=(), metavar="X", help="boosts to try besides its own"
    )
    parser.add_argument("--keywords", type=Path, metavar="FILE.toml", help="keyword file, if not that of the settings")
    parser.add_argument("--model", metavar="NAME|DIR", help="model, if not that of the settings")
    parser.add_argument("--png", type=Path, metavar="FILE", help="draw the curves")
    parser.add_argument("--json", action="store_true", help="print the curves as JSON, one object for each keyword")
    parser.add_argument("--write", action="store_true", help="write what is proposed into the keyword file")
    parser.add_argument("--work", type=Path, metavar="DIR", help="where encoder frames are kept")
    add_socket_argument(parser)
    return parser


def run(arguments: argparse.Namespace) -> int:
    """Gather, sweep, show, write; the exit code. 3 where the material is too little to tell."""
    require_extra("tune", ("tomlkit", "matplotlib"))
    from kwsd.cli.tuning_setup import open_setup  # noqa: PLC0415 - --help needs no model

    if not (arguments.recordings or arguments.listen):
        raise FlagError("nothing to tune by: give recordings of keywords, or --listen 8h to gather background")
    if arguments.png and not arguments.png.absolute().parent.is_dir():
        raise FlagError(f"--png {arguments.png}: there is no folder {arguments.png.parent}; make it first")
    setup = open_setup(arguments, wants_keywords=bool(arguments.recordings))
    if arguments.listen:
        listen_to_room(setup, arguments)
    return tune(setup, arguments) if arguments.recordings else DONE


def tune(setup: "Setup", arguments: argparse.Namespace) -> int:
    """Sweep and show; the exit code."""
    from kwsd.cli.tuning_setup import read_keywords  # noqa: PLC0415 - --help needs no model
    from kwsd.keywords.edit import editable, write_keywords  # noqa: PLC0415 - likewise
    from kwsd.tuning.curves import changes_of  # noqa: PLC0415 - likewise
    from kwsd.tuning.kept import CURVES_FILE  # noqa: PLC0415 - likewise
    from kwsd.tuning.picture import draw_curves  # noqa: PLC0415 - likewise

    keywords = read_keywords(setup)
    if arguments.write:
        editable(setup.keywords)  # a file that cannot be written to is told before the work, not after it
    search = setup.settings.search.over(setup.model.description.search)
    curves = swept(setup, arguments, keywords, search)
    told = [json.dumps(asdict(curve), ensure_ascii=False) for curve in curves]
    keep_curves(setup.work / CURVES_FILE, told)
    for curve, line in zip(curves, told, strict=True):
        say(line if arguments.json else "\n".join(table(curve)))
    if arguments.png:
        draw_curves(arguments.png, curves)
    if arguments.write:
        of = {keyword.label: keyword for keyword in keywords}
        changes = {of[curve.keyword]: changes_of(curve, of[curve.keyword], search) for curve in curves}
        logger.info("written to %s; before: %s", setup.keywords, write_keywords(setup.keywords, changes))
    elif not arguments.json:
        say("nothing is written without --write")
    return DONE_IN_PART if any(curve.doubts for curve in curves) else DONE


def swept(
    setup: "Setup", arguments: argparse.Namespace, keywords: "Sequence[Keyword]", search: "SearchSettings"
) -> "list[Curve]":
    """Recordings and background searched at each boost, with a bar for all of it. Raises KwsdError."""
    from kwsd.cli.progress import sound_progress  # noqa: PLC0415 - as above
    from kwsd.cli.tuning_setup import background_pieces  # noqa: PLC0415 - likewise
    from kwsd.timebase import ENCODER_SHIFT_SAMPLES, seconds  # noqa: PLC0415 - likewise
    from kwsd.tuning.curves import sweep  # noqa: PLC0415 - likewise
    from kwsd.tuning.hear import SECONDS_PER_HOUR  # noqa: PLC0415 - likewise
    from kwsd.tuning.kept import hours_of  # noqa: PLC0415 - likewise

    positives = encode_positives(setup, arguments.recordings, keywords)
    pieces = background_pieces(setup, arguments.background)  # hours of them: read again for each boost, never kept here
    hours = hours_of(pieces)
    takes = chain.from_iterable((*of.right, *of.wrong) for of in positives.values())
    said_s = seconds(sum(each.count for each in chain.from_iterable(takes)) * ENCODER_SHIFT_SAMPLES)
    with sound_progress("searching", (hours * SECONDS_PER_HOUR + said_s) * len({None, *arguments.boost})) as done:
        return sweep(
            setup.model,
            keywords,
            positives,
            lambda: setup.kept.read(pieces),
            hours=hours,
            per_hour=arguments.false_alarms,
            boosts=arguments.boost,
            settings=search,
            done=done,
        )


def keep_curves(path: Path, lines: Sequence[str]) -> None:
    """For the page; where that cannot be, it is said, and all the rest is done."""
    try:
        path.touch(mode=0o600)
        path.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    except OSError as error:
        logger.warning("%s: cannot be written, and kwsd-web will not show the curves: %s", path, error.strerror)


def table(curve: "Curve") -> Iterator[str]:
    """A curve for a person: tenths, the point in force and the proposed one."""
    yield f"{curve.keyword}: {curve.recordings} recordings, {curve.hours:.2f} h of background, boost {curve.boost:g}"
    yield "  threshold  recall (95 %)        false alarms/h (95 %)"
    shown = {round(point.threshold * 10, 6).is_integer() and point.threshold: (point, "") for point in curve.points}
    shown.pop(False, None)
    shown[curve.now.threshold] = (curve.now, "now")
    shown[curve.proposed.threshold] = (curve.proposed, "proposed" if curve.now != curve.proposed else "now, proposed")
    for threshold in sorted(shown):
        point, mark = shown[threshold]
        recall = f"{point.recall:.2f} ({point.recall_low:.2f} to {point.recall_high:.2f})"
        false = f"{point.false_per_hour:.2f} ({point.false_low:.2f} to {point.false_high:.2f})"
        yield f"  {threshold:<9.3g}  {recall:<19}  {false:<22} {mark}".rstrip()
    yield from (f"  too little to tell: {doubt}" for doubt in curve.doubts)


def encode_positives(setup: "Setup", given: Sequence[Path], keywords: "Sequence[Keyword]") -> "dict[str, Positives]":
    """Frames of the recordings of each keyword that has some, by label."""
    from kwsd.cli.progress import counted  # noqa: PLC0415 - as above
    from kwsd.tuning.curves import Positives  # noqa: PLC0415 - likewise
    from kwsd.tuning.material import between_pauses, find_recordings  # noqa: PLC0415 - likewise

    takes: dict[tuple[str, bool], list[Any]] = {}
    found = find_recordings(given, keywords)
    with counted("encoding", len(found)) as done:
        for recording in found:
            pieces = setup.kept.keep(recording.path, lambda _samples: None, between_pauses)
            takes.setdefault((recording.keyword, recording.right), []).append(list(setup.kept.read(pieces)))
            done()
    labels = dict.fromkeys(label for label, _ in takes)
    return {label: Positives(takes.get((label, True), ()), takes.get((label, False), ())) for label in labels}


def listen_to_room(setup: "Setup", arguments: argparse.Namespace) -> None:
    """Keep frames of the room for so long, also beyond the end of a daemon; whatever ends it sooner keeps what came."""
    from kwsd.cli.progress import sound_progress  # noqa: PLC0415 - as above
    from kwsd.protocol.connection import NoDaemonError  # noqa: PLC0415 - likewise
    from kwsd.timebase import seconds  # noqa: PLC0415 - likewise
    from kwsd.tuning.kept import hours_of  # noqa: PLC0415 - likewise

    kept, sound, heard = setup.kept, arguments.keep_sound, 0
    what = f"frames, and sound in {sound}" if sound else "encoder frames only, never sound"
    before = kept.listened_to()

    def done(samples: int) -> None:
        nonlocal heard
        heard += samples
        advance(samples)

    with sound_progress("listening", arguments.listen) as advance:
        try:
            while (left_s := arguments.listen - seconds(heard)) > 0:
                try:
                    with room_of(setup, arguments, left_s) as (whose, room):
                        said = "listening by %s; kept in %s: %s. Ctrl-C ends it, and loses nothing"
                        logger.info(said, whose, kept.folder, what)
                        for _ in kept.listened(room, done):
                            pass
                except NoDaemonError as error:
                    if sound or not heard:  # a second part would take the place of the first in the file of sound
                        raise
                    wait_for_daemon(arguments, error, f"{seconds(heard) / 3600:.2f} h are kept")
                else:
                    return
        finally:
            there = kept.listened_to()
            new_h, all_h = hours_of(set(there) - set(before)), hours_of(there)
            logger.info("kept %.2f h; there are %.2f h of background now", new_h, all_h)


@contextmanager
def room_of(setup: "Setup", arguments: argparse.Namespace, length_s: float) -> "Iterator[tuple[str, Iterable[Frames]]]":
    """By what the room is heard, and its frames for so long: by the running daemon, else by a microphone of our own.

    Raises:
        KwsdError: neither hears it.
    """
    from kwsd.audio.open import MICROPHONE, open_source  # noqa: PLC0415 - as above
    from kwsd.protocol.connection import NoDaemonError  # noqa: PLC0415 - likewise
    from kwsd.timebase import samples  # noqa: PLC0415 - likewise
    from kwsd.tuning.kept import encoded, until  # noqa: PLC0415 - likewise
    from kwsd.tuning.record import daemon_chunks, daemon_frames  # noqa: PLC0415 - likewise

    sound = arguments.keep_sound
    if arguments.device is None:
        try:
            with connect(arguments) as client:
                whose = f"the running daemon ({client.hello['microphone']['name']})"
        except NoDaemonError:
            if arguments.socket is not None:
                raise
        else:
            socket = socket_of(arguments)
            if sound:
                yield whose, encoded(setup.model, kept_sound(sound, daemon_chunks(socket, length_s)))
            else:
                yield whose, daemon_frames(socket, setup.model.encoder, length_s, logger.warning)
            return
    with closing(open_source(MICROPHONE, arguments.device)) as source:
        chunks = until(iter(source), samples(length_s))
        yield source.name, encoded(setup.model, kept_sound(sound, chunks) if sound else chunks)


def kept_sound(path: Path, chunks: "Iterable[Chunk]") -> "Iterator[Chunk]":
    """Write sound as it passes, into a file for the user alone."""
    from kwsd.audio.wav import to_pcm  # noqa: PLC0415 - as above
    from kwsd.timebase import SAMPLE_RATE  # noqa: PLC0415 - likewise

    path.touch(mode=0o600)
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(SAMPLE_RATE)
        for chunk in chunks:
            file.writeframes(to_pcm(chunk.samples).astype("<i2").tobytes())
            yield chunk
