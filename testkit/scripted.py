"""An acoustic side written by hand, to test the search alone: no audio, no onnxruntime.

The vocabulary is BLANK, UNKNOWN and the pieces of PIECES. A frame is one row of unnormalised log-probabilities; as with
a real transducer, a token that has just been emitted is not emitted again while its frames go on.
"""

from collections.abc import Iterable, Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from kwsd.keywords.compile import CompiledKeywords, compile_keywords
from kwsd.keywords.keyword import Keyword
from kwsd.search.confidence import Confidence
from kwsd.search.hits import Hit, Miss
from kwsd.search.search import KeywordSearch
from kwsd.search.settings import SearchSettings
from kwsd.stream import Frames
from kwsd.text.phrase_tokenizer import PhraseTokenizer
from kwsd.units import Context

PIECES = ("<blk>", "<sos/eos>", "<unk>", "▁LIGHT", "▁UP", "▁DOWN", "S", "▁NIGHT", "FALL", "▁ON", "▁HERE")
CHUNK_FRAMES = 8
LOUD = 8.0  # log-odds of the scripted token against every other one


class ScriptedTokenizer:
    """Phrases are words of PIECES; `LIGHT+S` joins pieces of one word."""

    fingerprint = ""

    def encode(self, text: str) -> tuple[int, ...]:
        """Ids of a phrase."""
        pieces = [piece for word in text.split() for piece in ("▁" + word).split("+")]
        return tuple(PIECES.index(piece) for piece in pieces)

    def encodings(self, text: str) -> Iterator[tuple[int, ...]]:
        """The only way to write it."""
        yield self.encode(text)

    def pieces(self, ids: Iterable[int]) -> tuple[str, ...]:
        """Text of each id."""
        return tuple(PIECES[token] for token in ids)

    def knows(self, word: str) -> bool:
        """It is sure of all."""
        del word
        return True

    def is_word_start(self, token: int) -> bool:
        """Whether a word begins here."""
        return PIECES[token].startswith("▁")


class UnmarkedTokenizer(ScriptedTokenizer):
    """Like phones: no token tells whether a word begins with it."""

    def is_word_start(self, token: int) -> bool:
        """Any may."""
        return 0 <= token < len(PIECES)


class ScriptedAcoustics:
    """What a frame says is what is likely, unless it was the last token already."""

    vocabulary_size = len(PIECES)
    silent_tokens: tuple[int, ...] = (0, 2)

    def log_probs(
        self, frames: NDArray[np.float32], contexts: Sequence[Context], _groups: Sequence[int] = ()
    ) -> NDArray[np.float32]:
        """Log-softmax of the frames, the last token of each context out of reach."""
        logits = np.array(frames, np.float32)
        for row, (_, last) in enumerate(contexts):
            if last > 0:
                logits[row, last] = -LOUD
        logits -= np.log(np.exp(logits).sum(axis=1, keepdims=True))
        return logits

    def log_probs_each(self, frames: NDArray[np.float32], contexts: Sequence[Context]) -> NDArray[np.float32]:
        """The same of all frames after each context."""
        rows = self.log_probs(np.tile(frames, (len(contexts), 1)), [c for c in contexts for _ in range(len(frames))])
        return rows.reshape(len(contexts), len(frames), -1)


def say(script: str, **likelihood: float) -> NDArray[np.float32]:
    """Frames (n, vocabulary): `▁LIGHT . . ▁UP` is a frame each, `.` a blank, `.*20` twenty.

    `likelihood` gives the log-odds of pieces by name where they are not LOUD.
    """
    rows = []
    for item in script.split():
        piece, _, count = item.partition("*")
        row = np.zeros(len(PIECES), np.float32)
        row[0 if piece == "." else PIECES.index(piece)] = likelihood.get(piece.strip("▁"), LOUD)
        row[0] = max(row[0], LOUD / 2)  # a blank is never out of the question
        rows += [row] * int(count or 1)
    return np.array(rows)


def heard(encoder_out: NDArray[np.float32], first: int) -> Frames:
    """Frames of even loudness."""
    count = len(encoder_out)
    power = np.zeros(4 * count + 13, np.float32)
    return Frames(
        origin_sample=0, first=first, count=count, kind="heard", encoder_out=encoder_out, power=power, arrived_sample=0
    )


class Stream:
    """A search over scripted frames, eight at a time, in which a pause is never seen coming."""

    def __init__(
        self,
        keywords: Sequence[Keyword | str],
        settings: SearchSettings | None = None,
        tokenizer: PhraseTokenizer | None = None,
        confidence: Confidence | None = None,
    ) -> None:
        """Listen for phrases or keywords."""
        self.tokenizer = tokenizer or ScriptedTokenizer()
        self.settings = settings or SearchSettings(threshold=0.5, min_score=0.1)
        self.confidence = confidence
        self.compiled = self._compiled(keywords)
        self.search = KeywordSearch(self.compiled.searched, ScriptedAcoustics())
        self.misses: list[Miss] = []
        self._next = 0

    def _compiled(self, keywords: Sequence[Keyword | str]) -> CompiledKeywords:
        listed = [Keyword(k, written_forms=False) if isinstance(k, str) else k for k in keywords]
        return compile_keywords(listed, self.tokenizer, len(PIECES), self.settings, self.confidence)

    def hear(self, frames: NDArray[np.float32]) -> list[Hit]:
        """All hits, in order; misses are kept aside."""
        hits: list[Hit] = []
        for start in range(0, len(frames), CHUNK_FRAMES):
            chunk = frames[start : start + CHUNK_FRAMES]
            for found in self.search.push(heard(chunk, self._next)):
                if isinstance(found, Hit):
                    hits.append(found)
                else:
                    self.misses.append(found)
            self._next += len(chunk)
        return hits

    def phrases(self, script: str, **likelihood: float) -> list[str]:
        """Phrases heard in a script, with enough silence after it."""
        hits = self.hear(say(f"{script} .*40", **likelihood))
        return [self.compiled.keywords[hit.keyword].phrase for hit in hits]
