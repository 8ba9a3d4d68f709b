"""Output units: phones by a lexicon, or BPE pieces by sentencepiece, in the layout of a model directory.

`tokens.txt` has one "unit id" per line with `<blk>` 0. Phones are those of CMUdict without stress, and AX for an
unstressed AH: a schwa sounds like itself, and UP must not be heard in every "a p…". A phone that begins a word is a
unit of its own, as it is with pieces: MARKED. Pieces come from `bpe.model`.
"""

import io
from collections.abc import Iterable
from pathlib import Path
from typing import Protocol

from kwsd.text.phones import PhoneTokenizer
from kwsd.text.vocabulary import read_tokens
from kwsd.units import WORD_START

BLANK = "<blk>"
SPECIAL = (BLANK, "<sos/eos>", "<unk>")
PHONES = (
    *("AA", "AE", "AH", "AO", "AW", "AX", "AY", "B", "CH", "D", "DH", "EH", "ER", "EY", "F", "G", "HH", "IH", "IY"),
    *("JH", "K", "L", "M", "N", "NG", "OW", "OY", "P", "R", "S", "SH", "T", "TH", "UH", "UW", "V", "W", "Y", "Z", "ZH"),
)
MARKED = (*PHONES, *(WORD_START + phone for phone in PHONES))
"""Phones inside words, then phones that begin one."""


class Units(Protocol):
    """Text to unit ids, as kwsd's tokenizer does it for the model that is trained."""

    def __len__(self) -> int:
        """Count the units, blank included."""

    def encode(self, text: str) -> list[int]:
        """Give the unit ids of an upper-case text; an empty text has none."""

    def pieces(self) -> list[str]:
        """Give the spelling of every unit, by id."""


class Phones:
    """Words to phones, each in its usual pronunciation."""

    def __init__(self, folder: Path) -> None:
        self._tokenizer = PhoneTokenizer.load(folder)
        self._pieces = read_tokens(folder / "tokens.txt")

    def __len__(self) -> int:
        return len(self._pieces)

    def encode(self, text: str) -> list[int]:
        """Give the phones of an upper-case text."""
        return list(self._tokenizer.encode(text)) if text else []

    def pieces(self) -> list[str]:
        """Give the blank and the phones."""
        return list(self._pieces)


class Pieces:
    """Text to BPE pieces."""

    def __init__(self, folder: Path) -> None:
        import sentencepiece  # noqa: PLC0415 - phones do without it

        self._processor = sentencepiece.SentencePieceProcessor(model_file=str(folder / "bpe.model"))

    def __len__(self) -> int:
        return int(self._processor.vocab_size())

    def encode(self, text: str) -> list[int]:
        """Give the pieces of an upper-case text."""
        return list(self._processor.encode(text)) if text else []

    def pieces(self) -> list[str]:
        """Give the spelling of every piece."""
        return [self._processor.id_to_piece(i) for i in range(len(self))]


def read_units(folder: Path) -> Units:
    """Open the units that a folder was prepared with.

    Raises:
        FileNotFoundError: `folder` was not prepared.
    """
    if not (folder / "tokens.txt").exists():
        raise FileNotFoundError(f"{folder / 'tokens.txt'} is missing; run `python -m training.zipformer prepare` first")
    return Pieces(folder) if (folder / "bpe.model").exists() else Phones(folder)


def write_tokens(folder: Path, pieces: Iterable[str]) -> None:
    """Write `tokens.txt`."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "tokens.txt").write_text("".join(f"{piece} {i}\n" for i, piece in enumerate(pieces)))


def train_pieces(folder: Path, texts: Iterable[str], vocabulary: int) -> Units:
    """Learn BPE pieces and write `bpe.model` and `tokens.txt` into `folder`."""
    import sentencepiece  # noqa: PLC0415 - phones do without it

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
    pieces = Pieces(folder)
    write_tokens(folder, pieces.pieces())
    return pieces
