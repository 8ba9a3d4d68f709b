"""sherpa-onnx, driven as shared/peers does: one thread, block by block, the stream reset after each hit."""

import tempfile
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from measure.paths import MODEL
from measure.scoring import Hit
from measure.wav import RATE, Samples

CARD = (0.5, 0.15)  # boost and threshold of the published figures
EAGER = (1.5, 0.1)  # more boost, less threshold: the better of the two on wake words


@dataclass(frozen=True)
class Peer:
    """The peer with its keywords; every `hear` is a fresh stream."""

    phrases: tuple[str, ...]
    boost: float = CARD[0]
    threshold: float = CARD[1]

    @property
    def title(self) -> str:
        """What tables call it."""
        return f"sherpa-onnx ({self.boost:g}, {self.threshold:g})"

    @cached_property
    def spotter(self) -> Any:
        """The loaded model."""
        return load(self.phrases, self.boost, self.threshold)

    def hear(self, blocks: Iterable[Samples]) -> list[Hit]:
        """Hits over the blocks of one stream, in the order reported."""
        stream = self.spotter.create_stream()
        hits: list[Hit] = []
        fed = 0
        for block in blocks:
            stream.accept_waveform(RATE, block)
            fed += len(block)
            hits += [Hit(phrase, fed / RATE, fed / RATE) for phrase in self.decode(stream)]
        return hits

    def decode(self, stream: Any) -> list[str]:
        """Phrases found in what the stream can decode by now."""
        found: list[str] = []
        while self.spotter.is_ready(stream):
            self.spotter.decode_stream(stream)
            if name := self.spotter.get_result(stream):
                found.append(name.replace("_", " "))
                self.spotter.reset_stream(stream)
        return found


def load(phrases: Sequence[str], boost: float, threshold: float) -> Any:
    """The peer's spotter over the shared model."""
    import sherpa_onnx  # noqa: PLC0415 - heavy, and absent where only the tests run

    with tempfile.NamedTemporaryFile("w", suffix=".txt", encoding="utf-8") as file:
        file.write("\n".join(keyword_lines(phrases)))
        file.flush()
        return sherpa_onnx.KeywordSpotter(
            tokens=str(MODEL / "tokens.txt"),
            encoder=str(MODEL / "encoder.int8.fixed.onnx"),
            decoder=str(MODEL / "decoder.onnx"),
            joiner=str(MODEL / "joiner.onnx"),
            keywords_file=file.name,
            num_threads=1,
            keywords_score=boost,
            keywords_threshold=threshold,
        )


def keyword_lines(phrases: Iterable[str], model: Path = MODEL) -> list[str]:
    """Phrases in the peer's dialect: pieces, then a display name that has no spaces."""
    import sentencepiece  # noqa: PLC0415 - heavy

    pieces = sentencepiece.SentencePieceProcessor(model_file=str(model / "bpe.model"))
    return [" ".join(pieces.encode(phrase, out_type=str)) + " @" + phrase.replace(" ", "_") for phrase in phrases]
