"""`kwsctl review`: plays or lists saved clips and near misses; one key says whether the keyword was said in them."""

import argparse
import json
import logging
import os
import sys
import termios
import tty
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kwsd.cli.arguments import number
from kwsd.cli.connect import add_socket_argument, path_of_daemon
from kwsd.cli.terminal import say
from kwsd.errors import DONE, FlagError, KwsdError
from kwsd.events import NearMiss

if TYPE_CHECKING:
    from kwsd.tuning.marks import Mark, Marks
    from kwsd.tuning.review import SavedClip

logger = logging.getLogger(__name__)

EPILOG = """\
keys: r  right, the keyword was said      w  wrong, it was not      d  delete the clip
      p  play again                       space  next               q  stop
examples:
  kwsctl review ~/clips                    play one after the other, those first that have no mark
  kwsctl review ~/clips --list             what there is
  kwsctl review ~/clips --wrong 20261121T081502.123Z-17-stop.wav
  kwsctl tune ~/clips                      marked clips are positives and false alarms there
Clips are saved by `kwsd --save-detections DIR`, those of near misses with save_near_misses = true."""

KEYS: "dict[str, Mark | None]" = {"r": "right", "w": "wrong", "d": None}


def add_parser(subparsers: Any) -> argparse.ArgumentParser:
    """Declare `review`."""
    parser: argparse.ArgumentParser = subparsers.add_parser(
        "review",
        help="say of saved clips whether they were right",
        description="Play or list saved clips and near misses, and mark them right or wrong for `kwsctl tune`.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("folder", nargs="?", type=Path, metavar="DIR", help="of clips, else that of settings or daemon")
    parser.add_argument("--list", action="store_true", help="print them instead of playing")
    parser.add_argument("--json", action="store_true", help="with --list: a JSON object for each")
    parser.add_argument("--silent", action="store_true", help="do not play, only ask")
    for verb in ("right", "wrong", "delete"):
        parser.add_argument(f"--{verb}", nargs="+", metavar="CLIP", default=(), help=f"mark these {verb}, ask nothing")
    parser.add_argument("--limit-mb", type=number, metavar="N", help="keep at most so much, the newest")
    parser.add_argument("--limit-days", type=number, metavar="D", help="keep none that is older")
    add_socket_argument(parser)
    return parser


def run(arguments: argparse.Namespace) -> int:
    """Tidy, then mark, list or ask; the exit code."""
    from kwsd.config import load_settings  # noqa: PLC0415 - --help does without
    from kwsd.outlets.clip_ages import ClipAges  # noqa: PLC0415 - likewise
    from kwsd.outlets.wav_files import FileLimits, make_room  # noqa: PLC0415 - likewise
    from kwsd.tuning.marks import Marks  # noqa: PLC0415 - likewise
    from kwsd.tuning.review import saved_clips  # noqa: PLC0415 - likewise

    service = load_settings({}, file=arguments.config).settings.daemon
    folder = arguments.folder or service.save_detections or path_of_daemon(arguments, "save_detections")
    if folder is None:
        raise FlagError("which clips are meant? give their folder, or start kwsd with --save-detections DIR")
    folder = folder.expanduser()
    clips = {clip.path.name: clip for clip in saved_clips(folder)}
    if clips and (
        folder == service.save_detections or arguments.limit_mb is not None or arguments.limit_days is not None
    ):
        limit_mb = service.save_limit_mb if arguments.limit_mb is None else arguments.limit_mb
        limit_days = service.save_limit_days if arguments.limit_days is None else arguments.limit_days
        make_room(folder, 0, FileLimits(megabytes=limit_mb, days=limit_days, ages=ClipAges(steady_s=0.0)))
        clips = {name: clip for name, clip in clips.items() if clip.path.exists()}
    marks = Marks(folder)
    named = (*arguments.right, *arguments.wrong, *arguments.delete)
    strangers = [name for name in named if Path(name).name not in clips]
    if strangers:
        raise KwsdError(f"{', '.join(strangers)}: no such clip in {folder}; --list shows them")
    for key, names in (("r", arguments.right), ("w", arguments.wrong), ("d", arguments.delete)):
        for name in names:
            judge(clips[Path(name).name], KEYS[key], marks)
    if arguments.list or arguments.json:
        for clip in clips.values():
            if clip.path.exists():
                say(line_of(clip, marks, as_json=arguments.json))
    elif not named:
        ask(list(clips.values()), marks, silent=arguments.silent)
    return DONE


def judge(clip: "SavedClip", mark: "Mark | None", marks: "Marks") -> None:
    """Mark a clip, or delete it where there is no mark; on disk when this returns."""
    from kwsd.tuning.review import delete_clip  # noqa: PLC0415 - --help does without

    if mark is None:
        delete_clip(clip, marks)
    else:
        marks.set(clip.path, mark)


def line_of(clip: "SavedClip", marks: "Marks", *, as_json: bool = False) -> str:
    """A clip for a person or a program."""
    mark = marks.of(clip.path)
    if as_json:
        facts = {"clip": clip.path.name, "keyword": clip.keyword, NearMiss.type: clip.near_miss, "mark": mark}
        return json.dumps(facts, ensure_ascii=False)
    keyword = f"({clip.keyword})" if clip.near_miss else clip.keyword
    return f"{clip.path.name}  {keyword}  {mark or '-'}"


def ask(clips: "Sequence[SavedClip]", marks: "Marks", *, silent: bool) -> None:
    """Play each and read a key; every mark is on disk before the next clip. Raises KwsdError: nobody can press one."""
    if not clips:
        say("no clips are saved there")
        return
    if sys.stdin is None or not sys.stdin.isatty():
        raise KwsdError("there is no terminal to press keys on; --list shows the clips, --right and --wrong mark them")
    open_ones = sorted(clips, key=lambda clip: marks.of(clip.path) is not None)
    say(f"{len(clips)} clips; r right, w wrong, d delete, p play again, space next, q stop")
    place = 0
    with single_keys() as pressed:
        while place < len(open_ones):
            clip = open_ones[place]
            say(line_of(clip, marks))
            if not silent:
                play_or_say(clip)
            key = pressed()
            if key in {"q", "\x04", ""}:
                return
            if key in KEYS:
                judge(clip, KEYS[key], marks)
            place += key != "p"


def play_or_say(clip: "SavedClip") -> None:
    """Where it cannot be read, or nothing can be played, that is said, and the keys work all the same."""
    from kwsd.audio.portaudio import play  # noqa: PLC0415 - loads PortAudio
    from kwsd.errors import AudioError  # noqa: PLC0415 - likewise
    from kwsd.tuning.review import sound_of  # noqa: PLC0415 - likewise

    try:
        play(sound_of(clip))
    except AudioError as error:
        logger.warning("%s", error)


@contextmanager
def single_keys() -> Iterator[Callable[[], str]]:
    """A function that waits for one key, without Enter; it gives nothing at the end of the input."""
    descriptor = sys.stdin.fileno()
    before = termios.tcgetattr(descriptor)
    tty.setcbreak(descriptor, termios.TCSANOW)  # what was typed ahead stays
    try:
        yield lambda: os.read(descriptor, 1).decode(errors="replace").lower()
    finally:
        termios.tcsetattr(descriptor, termios.TCSANOW, before)
