"""Where something from outside comes in. A good answer to it is a value, or kwsd's own error in a few lines."""

import argparse
import gzip
import io
import json
import socket
import unicodedata
from collections.abc import Callable, Sequence
from contextlib import closing, redirect_stderr, redirect_stdout, suppress
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any
from unittest.mock import patch

from kwsd.acoustic.model import load_tokenizer
from kwsd.audio.open import open_source
from kwsd.cli.arguments import parse
from kwsd.cli.kwsd import make_parser
from kwsd.commands12.model import read_bundle
from kwsd.config import load_settings
from kwsd.daemon.saved_state import StateFile
from kwsd.daemon.systemd import Notifier, inherited_socket
from kwsd.errors import KwsdError
from kwsd.keywords.compile import compile_keywords
from kwsd.keywords.files import read_keyword_file
from kwsd.models.description import read_description
from kwsd.models.registry import read_registry
from kwsd.outlets.clip_name import clip_name
from kwsd.outlets.exec import ExecOutlet
from kwsd.outlets.recent_audio import RecentAudio
from kwsd.protocol.commands import SetKeywords, parse_command
from kwsd.protocol.connection import DaemonConnection
from kwsd.protocol.messages import CommandError
from kwsd.records import printable
from kwsd.search.settings import SearchSettings
from kwsd.text.lexicon import LETTER_SOUNDS, LEXICON, Lexicon
from kwsd.text.phrase_tokenizer import PhraseTokenizer
from kwsd.text.vocabulary import read_tokens
from measure.paths import ROOT
from testkit.serving import detection

MOST_WORDS = 500  # argparse takes the square of their number
MODEL = ROOT / "models" / "kwsd-en"


@dataclass(frozen=True, slots=True)
class Border:
    """One of them."""

    name: str
    about: str
    seeds: Callable[[], Sequence[bytes]]
    enter: Callable[[bytes, Path], object]
    """What kwsd does with it; a folder of its own is given."""
    refuses_with: tuple[type[BaseException], ...] = (KwsdError,)
    most_bytes: int = 50_000
    """Of a case; less where each of thousands of lines is work."""


@cache
def tokenizer() -> PhraseTokenizer:
    """The one of kwsd-en."""
    return load_tokenizer(MODEL)


@cache
def packed_letter_sounds() -> bytes:
    """Those of kwsd-en."""
    return (MODEL / LETTER_SOUNDS).read_bytes()


def written(folder: Path, name: str, content: bytes) -> Path:
    """A file with it."""
    path = folder / name
    path.write_bytes(content)
    return path


def keyword_file(name: str) -> Callable[[bytes, Path], object]:
    """Read and made into a set, as at a reload."""

    def enter(content: bytes, folder: Path) -> object:
        found = read_keyword_file(written(folder, name, content), tokenizer())
        return compile_keywords(found.keywords[:20], tokenizer(), 80, SearchSettings())

    return enter


def environment(content: bytes, _: Path) -> object:
    """NAME=VALUE lines as the process's environment, as far as a process can be given them."""
    lines = content.replace(b"\x00", b"").decode(errors="surrogateescape").splitlines()
    environ = dict(line.split("=", 1) for line in lines if "=" in line)
    environ.pop("KWSD_CONFIG", None)
    loaded = load_settings({}, environ=environ)
    Notifier(environ).close()
    inherited_socket({**environ, "LISTEN_PID": ""})
    return loaded


def command(content: bytes, _: Path) -> object:
    """A line of a client; keywords in it are made ready as the daemon would."""
    asked = parse_command(content)
    if isinstance(asked, SetKeywords):
        from kwsd.keywords.keyword import Keyword  # noqa: PLC0415 - named here alone

        return compile_keywords(Keyword.of(asked.keywords)[:20], tokenizer(), 80, SearchSettings())
    return asked


def answer(content: bytes, folder: Path) -> object:
    """What something at the socket's path says to kwsctl."""
    ours, theirs = socket.socketpair()
    connected = patch.object(DaemonConnection, "_connect", lambda *_: None)
    with closing(ours), closing(theirs), connected, patch("socket.socket", lambda *_: ours):
        theirs.setblocking(False)
        with suppress(BlockingIOError):
            theirs.send(content)
        theirs.shutdown(socket.SHUT_WR)
        with closing(DaemonConnection(folder / "s", 1.0)) as client:
            return client.ask("status")


def sound(content: bytes, folder: Path) -> object:
    """A recording."""
    for name in ("sound.wav", "sound.flac"):
        source = open_source(str(written(folder, name, content)))
        try:
            for count, _ in enumerate(source):
                if count > 50:
                    break
        finally:
            source.close()
    return None


def lexicon(content: bytes, folder: Path) -> object:
    """Spoilt before it is packed, or packed no more."""
    written(folder, LEXICON, gzip.compress(content, 1) if content.startswith(b"L") else content)
    written(folder, LETTER_SOUNDS, packed_letter_sounds())
    return Lexicon.load(folder).pronunciations("lights")


def name(content: bytes, folder: Path) -> object:
    """Of a keyword, in a file's name and on a terminal."""
    text = content.decode(errors="surrogateescape")[:500]
    path = folder / clip_name(detection(1, text).fields())
    path.touch()
    path.unlink()
    shown = printable(text)
    if any(unicodedata.category(letter) == "Cc" and letter != "\t" for letter in shown):
        raise AssertionError("a control character is shown")
    return detection(1, text).line()


def arguments(content: bytes, _: Path) -> object:
    """What is typed behind `kwsd`."""
    words = content.replace(b"\x00", b"").decode(errors="surrogateescape").split("\n")[:MOST_WORDS]
    parser = make_parser()
    parser.exit = _exit  # type: ignore[assignment]
    with redirect_stdout(io.StringIO()), redirect_stderr(io.StringIO()):
        found = parse(parser, words)
    flags: dict[str, Any] = {"keywords": found.keywords, "model": found.model, "search.threshold": found.threshold}
    return load_settings(flags, environ={})


def _exit(status: int = 0, message: str | None = None) -> None:
    raise argparse.ArgumentTypeError(f"{status}: {message}")


def hook(content: bytes, _: Path) -> object:
    """`--exec`: taken apart, never run."""
    return ExecOutlet(content.decode(errors="surrogateescape"), limit=1, timeout_s=1.0, recent={"": RecentAudio(1)})


def seeds_of(*paths: Path, most: int = 20_000) -> Callable[[], Sequence[bytes]]:
    """The beginnings of files that are well."""
    return lambda: [path.read_bytes()[:most] for path in paths]


def lines_of(*lines: str) -> Callable[[], Sequence[bytes]]:
    """Texts that are well."""
    return lambda: [line.encode() for line in lines]


TOML_LIST = '[[keyword]]\nphrase = "lights on"\nspellings = ["light on"]\nboost = 1.5\nthreshold = 0.3\nname = "on"\n'
TEXT_LIST = "# list\nlights on :1.5 #0.4 @on\n/HH EY/ :2\nat 5:30\nhey jarvis\n▁LIGHT S ▁ON\n"
SETTINGS = """[search]
threshold = 0.4
boost = 1.0
[daemon]
socket_mode = "0660"
exec = "/bin/true"
[fallback]
mode = "auto"
"""
STATE = json.dumps(
    {
        "muted": True,
        "keywords": [{"phrase": "lights on", "name": "", "spellings": [], "written_forms": True, "boost": 1.0}],
        "thresholds": {"": 0.5, "on": 0.2},
        "file_digest": "d",
    }
)
COMMANDS = (
    '{"command":"set_keywords","request_id":1,"keywords":["lights on",{"phrase":"off","boost":2,"spellings":["of"]}]}',
    '{"command":"subscribe","types":["detection","level"],"keywords":["a"]}',
    '{"command":"set_threshold","threshold":0.5,"keyword":"on","request_id":"x"}',
    '{"command":"clip","id":1,"start":0.5,"end":2.0}',
    '{"command":"status"}',
    '{"command":"mute"}',
)
MICROPHONE = {"name": "n", "open": True}
STATE_OF_IT = {"keywords": ["a"], "microphone": MICROPHONE, "state": "muted", "model": "m"}
HELLO = {"type": "hello", "time": "t", "protocol": 1, **STATE_OF_IT}
REPLY = {"type": "reply", "time": "t", "command": "status", "request_id": 1, "ok": True, "error": None, "data": {}}

BORDERS = (
    Border("keywords-text", "keyword files", lines_of(TEXT_LIST, "on\n"), keyword_file("k.txt"), most_bytes=4_000),
    Border("keywords-toml", "keyword files in TOML", lines_of(TOML_LIST), keyword_file("k.toml")),
    Border(
        "config",
        "configuration files",
        lines_of(SETTINGS, 'keywords = "k.txt"\n'),
        lambda content, folder: load_settings({}, file=written(folder, "c.toml", content), environ={}),
    ),
    Border(
        "environment",
        "variables",
        lines_of(
            "KWSD_SEARCH_THRESHOLD=0.5\nKWSD_FALLBACK_MODE=auto\nKWSD_MODEL=kwsd-en\nNOTIFY_SOCKET=/x\nWATCHDOG_USEC=9"
        ),
        environment,
    ),
    Border(
        "arguments", "what is typed", lines_of("--keywords\nk.txt\n--threshold\n0.4", "--input\n-\n--json"), arguments
    ),
    Border("command", "lines of clients", lines_of(*COMMANDS), command, (CommandError, KwsdError)),
    Border("answer", "what answers kwsctl", lines_of(f"{json.dumps(HELLO)}\n{json.dumps(REPLY)}\n"), answer),
    Border("name", "names of keywords", lines_of("lights on", "größe", "../../etc/passwd"), name, ()),
    Border("hook", "--exec", lines_of("/bin/echo a b", "sh -c 'echo $KWSD_ID'"), hook),
    Border(
        "state",
        "what is kept over a restart",
        lines_of(STATE),
        lambda content, folder: StateFile(written(folder, "state", content)),
        (),
    ),
    Border(
        "model.toml",
        "descriptions of models",
        seeds_of(MODEL / "model.toml"),
        lambda content, folder: read_description(written(folder, "model.toml", content).parent),
    ),
    Border(
        "tokens",
        "vocabularies",
        seeds_of(MODEL / "tokens.txt"),
        lambda content, folder: read_tokens(written(folder, "tokens.txt", content)),
    ),
    Border("lexicon", "pronunciations", lines_of("LIGHTS\tL AY T S\nON\tAA N\n", "x\ny\nz"), lexicon),
    Border(
        "fixed-words",
        "descriptions of the fixed words",
        seeds_of(ROOT / "models" / "commands12" / "model.toml"),
        lambda content, folder: read_bundle(written(folder, "model.toml", content).parent),
    ),
    Border(
        "registry",
        "lists of models to fetch",
        seeds_of(ROOT / "kwsd" / "models" / "registry.toml"),
        lambda content, folder: read_registry(written(folder, "r.toml", content)),
    ),
    Border("sound", "recordings", seeds_of(ROOT / "models" / "demo.wav"), sound),
)
