"""Output units: BPE pieces by sentencepiece, in the layout that keyword spotters of the public kind read.

`tokens.txt` has one "piece id" per line, with `<blk>` 0, `<sos/eos>` 1 and `<unk>` 2; `bpe.model` turns text into
pieces.
"""

import io
from collections.abc import Iterable
from pathlib import Path

import sentencepiece

SPECIAL = ("<blk>", "<sos/eos>", "<unk>")


class Units:
    """Text to unit ids, as `bpe.model` in a model directory does it."""

    def __init__(self, folder: Path) -> None:
        path = folder / "bpe.model"
        if not path.exists():
            raise FileNotFoundError(f"{path} is missing; run `python -m training.zipformer prepare` first")
        self._processor = sentencepiece.SentencePieceProcessor(model_file=str(path))

    def __len__(self) -> int:
        return int(self._processor.vocab_size())

    def encode(self, text: str) -> list[int]:
        """Give the unit ids of an upper-case text; an empty text has none."""
        return list(self._processor.encode(text)) if text else []

    def decode(self, ids: list[int]) -> str:
        """Give the text of unit ids."""
        return str(self._processor.decode(ids))

    def pieces(self) -> list[str]:
        """Give the spelling of every unit, by id."""
        return [self._processor.id_to_piece(i) for i in range(len(self))]


def train_units(folder: Path, texts: Iterable[str], vocabulary: int) -> Units:
    """Learn BPE pieces and write `bpe.model` and `tokens.txt` into `folder`."""
    model = io.BytesIO()
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(texts),
        model_writer=model,
        model_type="bpe",
        vocab_size=vocabulary,
        user_defined_symbols=",".join(SPECIAL[:2]),
        unk_piece=SPECIAL[2],
        unk_id=2,
        bos_id=-1,
        eos_id=-1,
        pad_id=-1,
        character_coverage=1.0,
        input_sentence_size=0,
        minloglevel=2,
    )
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "bpe.model").write_bytes(model.getvalue())
    units = Units(folder)
    lines = [f"{piece} {i}\n" for i, piece in enumerate(units.pieces())]
    (folder / "tokens.txt").write_text("".join(lines))
    return units
