"""Token sequences of long keyword lists, kept on disk by content: reading out ten thousand phrases is most of a start.

A file holds what `all_token_sequences` gave for one list and one tokenizer. Its name is the checksum of all that
decides that: phrases, spellings, the tokenizer, and the code that writes phrases in tokens. What is damaged, or cannot
be written, costs the time that was to be spared, and nothing else.
"""

import json
import logging
from collections.abc import Iterable, Sequence
from contextlib import suppress
from hashlib import sha256
from pathlib import Path

from kwsd import text
from kwsd.homes import cache_directory
from kwsd.keywords import sequences
from kwsd.keywords.keyword import Keyword
from kwsd.keywords.sequences import all_token_sequences
from kwsd.search.graph import TokenSequence
from kwsd.small_files import parse_json, read_small, write_private
from kwsd.text.phrase_tokenizer import PhraseTokenizer

logger = logging.getLogger(__name__)

WORTH_KEEPING = 1000
"""Keywords; so many take 0.08 CPU seconds to read out, and a fifth of that to read back."""
MOST_FILES = 8

Listed = tuple[tuple[TokenSequence, ...], ...]


def known_token_sequences(keywords: Sequence[Keyword], tokenizer: PhraseTokenizer) -> Listed:
    """What `all_token_sequences` gives, from disk where a long list was read out before; raises as that does."""
    folder = cache_directory() if len(keywords) >= WORTH_KEEPING and tokenizer.fingerprint else None
    if folder is None:
        return all_token_sequences(keywords, tokenizer)
    path = folder / "keywords" / f"{content_key(keywords, tokenizer)}.json"
    try:
        return read_back(path)
    except FileNotFoundError:
        pass
    except (OSError, ValueError, TypeError) as error:
        logger.info("%s is made anew: %s", path, error)
    listed = all_token_sequences(keywords, tokenizer)
    with suppress(OSError):
        keep(path, listed)
    return listed


def content_key(keywords: Iterable[Keyword], tokenizer: PhraseTokenizer) -> str:
    """Names all that decides which sequences there are."""
    digest = sha256(tokenizer.fingerprint.encode())
    for file in (*sorted(Path(text.__path__[0]).iterdir()), Path(sequences.__file__)):
        digest.update(read_small(file) if file.is_file() else b"")
    written = [(each.phrase, each.spellings, each.written_forms) for each in keywords]
    digest.update(json.dumps(written).encode())
    return digest.hexdigest()[:32]


def read_back(path: Path) -> Listed:
    """What `keep` wrote. Raises OSError, ValueError or TypeError: it cannot be read, or is something else."""
    checksum, _, content = read_small(path).partition(b"\n")
    if sha256(content).hexdigest().encode() != checksum:
        raise ValueError("it is damaged")
    with suppress(OSError):  # of another user's it cannot be told that it was read
        path.touch()
    return tuple(
        tuple(TokenSequence(tuple(tokens), spelling) for tokens, spelling in each) for each in parse_json(content)
    )


def keep(path: Path, listed: Listed) -> None:
    """Write them, and take away what was not read for the longest time. Raises OSError: they cannot be written."""
    content = json.dumps([[(each.tokens, each.spelling) for each in of_keyword] for of_keyword in listed])
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    write_private(path, f"{sha256(content.encode()).hexdigest()}\n{content}")
    kept = sorted(path.parent.glob("*.json"), key=lambda file: file.stat().st_mtime, reverse=True)
    for old in kept[MOST_FILES:]:
        old.unlink(missing_ok=True)
