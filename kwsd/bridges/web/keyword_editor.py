"""The keyword file as the page edits it: read, judged line by line while somebody types, and written."""

import hashlib
from functools import cached_property
from itertools import islice
from pathlib import Path
from threading import Lock
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field

from kwsd.bridges.web.hub import Hub
from kwsd.config import Settings
from kwsd.errors import KwsdError
from kwsd.keywords.edit import is_toml, why_not_written
from kwsd.keywords.files import judge
from kwsd.keywords.keyword import Keyword
from kwsd.keywords.save import save_keyword_file
from kwsd.keywords.sequences import token_sequences
from kwsd.keywords.text_lines import read_lines
from kwsd.keywords.toml_tables import read_tables
from kwsd.models.directory import find_model_directory
from kwsd.small_files import read_small
from kwsd.text.phrase_tokenizer import PhraseTokenizer
from kwsd.units import WORD_START

MOST_CHARACTERS = 200_000
MOST_LINES = 2_000
SHOWN_WAYS = 3  # of saying a keyword


class EditError(KwsdError):
    """The keyword file is not changed; the message has the reason."""


class KeywordText(BaseModel):
    """What the page has in its editor."""

    model_config = ConfigDict(frozen=True, strict=True, extra="forbid")
    text: Annotated[str, Field(max_length=MOST_CHARACTERS)]
    digest: str | None = None
    """Of the file that it was made of; None where nothing is to be written."""


class KeywordEditor:
    """The settings' keyword file, else the one that a daemon of our own user has. Any thread may call it."""

    def __init__(self, settings: Settings, hub: Hub) -> None:
        self._settings = settings
        self._hub = hub
        self._one_at_a_time = Lock()

    @property
    def path(self) -> Path:
        """The file. Raises EditError."""
        configured = self._settings.keywords
        path = configured.expanduser() if configured else self._hub.daemons_file()
        if path is None:
            raise EditError("which keyword file is edited? start `kwsd-web --keywords FILE` with that of the daemon")
        return path

    @cached_property
    def tokenizer(self) -> PhraseTokenizer:
        """Of the model in the settings. Raises ModelError."""
        from kwsd.acoustic.model import load_tokenizer  # noqa: PLC0415 - with onnxruntime, which the page opens without

        return load_tokenizer(find_model_directory(self._settings.model))

    def read(self) -> dict[str, Any]:
        """Text, digest and name of the file, and whether it can be written. Raises EditError."""
        path = self.path
        try:
            content = read_small(path, MOST_CHARACTERS)
            text = content.decode()
        except OSError as error:
            raise EditError(f"{path}: cannot be read: {error.strerror}") from None
        except UnicodeDecodeError:
            raise EditError(f"{path}: is not UTF-8; save it as UTF-8 with a text editor first") from None
        why_not = why_not_written(path)
        return {
            "text": text,
            "digest": _digest(content),
            "name": str(path),
            "is_toml": is_toml(path),
            "locked": why_not,
        }

    def check(self, asked: KeywordText) -> list[dict[str, Any]]:
        """For each line or table that is no comment: the pronunciation of its keyword, and what is wrong with it."""
        content = asked.text.removeprefix("\ufeff").encode()
        try:
            lines = read_tables(content) if is_toml(self.path) else list(islice(read_lines(content), MOST_LINES + 1))
        except ValueError as error:
            return [{"line": None, "keyword": None, "ways": [], "faults": [str(error)]}]
        if len(lines) > MOST_LINES:
            raise EditError(f"more than {MOST_LINES} keywords are edited with a text editor")
        return [
            {
                "line": line.line,
                "table": line.table,
                "keyword": line.keyword.label if line.keyword else None,
                "ways": pronunciations(line.keyword, self.tokenizer) if line.keyword else [],
                "faults": line.faults,
            }
            for line in judge(lines, self.tokenizer)
        ]

    def save(self, asked: KeywordText) -> str:
        """Write the file; its digest. Raises EditError: it is as it was."""
        with self._one_at_a_time:
            path, now = self.path, self.read()
            if asked.digest != now["digest"]:
                raise EditError("the file has changed meanwhile: load it again, then make the change once more")
            if now["locked"]:
                raise EditError(now["locked"])
            if not any(line["keyword"] for line in self.check(asked)):
                raise EditError("not saved: no line of it can be used, and kwsd would hear nothing")
            content = asked.text.encode()
            if "\r\n" in now["text"]:  # browsers make one character of each line end
                content = content.replace(b"\r\n", b"\n").replace(b"\n", b"\r\n")
            try:
                save_keyword_file(path, content)
            except OSError as error:
                raise EditError(f"{path}: cannot be written: {error.strerror}; it is as it was") from None
            return _digest(content)


def pronunciations(keyword: Keyword, tokenizer: PhraseTokenizer) -> list[str]:
    """The likeliest ways in which it is listened for, as units with words apart."""
    ways = (tokenizer.pieces(sequence.tokens) for sequence in token_sequences(keyword, tokenizer, SHOWN_WAYS))
    texts = (" ".join(way).replace(f" {WORD_START}", " · ").removeprefix(WORD_START) for way in ways)
    return list(islice(dict.fromkeys(texts), SHOWN_WAYS))


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
