"""A model directory, loaded and proven to run. Immutable; any number of spotters share one."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any, Self

import numpy as np

from kwsd.acoustic.choice import load_encoder
from kwsd.acoustic.encoder import Encoder
from kwsd.acoustic.transducer import Transducer
from kwsd.errors import ModelError
from kwsd.models.description import read_description
from kwsd.models.directory import find_encoder, find_model_directory, find_part, require_plain_files
from kwsd.search.settings import SearchSettings
from kwsd.text.lexicon import LEXICON
from kwsd.text.phones import PhoneTokenizer
from kwsd.text.pieces import BPE, Tokenizer
from kwsd.text.vocabulary import read_tokens
from kwsd.units import BLANK_ID, START

UNKNOWN = "<unk>"
WORTH_BYTES = 1 << 20  # of an encoder, below which its cost is none anyway

logger = logging.getLogger(__name__)


class Model:
    """Encoder, decoder, joiner and tokeniser of one directory."""

    def __init__(self, directory: Path, chunk_ms: int | None = None, *, same_everywhere: bool = False) -> None:
        """Load every file and run one chunk of silence through the whole.

        Args:
            directory: with encoder, decoder, joiner and tokens.
            chunk_ms: 160 tells a word sooner and costs more; None is what every model has, mostly 320.
            same_everywhere: run the encoder that any machine runs, also where another was measured to be quicker here:
                for frames that are kept and read elsewhere.

        Raises:
            ModelError: a file is missing, is not what its name says, or the parts do not fit each other.
        """
        require_plain_files(directory)
        self.directory = directory
        self.description = read_description(directory)
        self.name = self.description.name
        self.tokens = read_tokens(directory / "tokens.txt")
        self.tokenizer = load_tokenizer(directory)
        self.encoder = (
            Encoder(find_encoder(directory, chunk_ms)) if same_everywhere else load_encoder(directory, chunk_ms)
        )
        if not self.encoder.is_compact and self.encoder.path.stat().st_size > WORTH_BYTES:
            logger.info(
                "%s runs as exported; `kwsctl models optimise %s` makes it cost two thirds", self.name, directory
            )
        silent = (BLANK_ID, *(token for token, piece in enumerate(self.tokens) if piece == UNKNOWN))
        self.transducer = Transducer(find_part(directory, "decoder"), find_part(directory, "joiner"), silent)
        if self.transducer.vocabulary_size != len(self.tokens):
            raise ModelError(
                f"{self.directory}: tokens.txt has {len(self.tokens)} tokens, the joiner "
                f"{self.transducer.vocabulary_size}: they belong to different models"
            )
        try:
            log_probs = self.transducer.log_probs(np.zeros((1, self.encoder.width), np.float32), [START])
        except Exception as error:  # whatever onnxruntime raises here means the same
            raise ModelError(f"{self.directory}: encoder, decoder and joiner do not fit each other: {error}") from error
        if not np.isfinite(log_probs).all():
            raise ModelError(f"{self.directory}: the joiner's output is not finite")

    @classmethod
    def load(cls, name_or_directory: str | Path, chunk_ms: int | None = None, *, same_everywhere: bool = False) -> Self:
        """Load a model by the directory it is in, or by the name it was pulled under; the rest as for a Model.

        Raises:
            ModelError: there is no such model, or it does not run.
        """
        return cls(find_model_directory(name_or_directory), chunk_ms, same_everywhere=same_everywhere)

    def settings(self, **given: Any) -> SearchSettings:
        """The model's own settings with some of them changed: `model.settings(boost=2)`. Raises SettingError."""
        return SearchSettings(**given).over(self.description.search)


def load_tokenizer(directory: Path) -> Tokenizer | PhoneTokenizer:
    """The tokenizer for a model's units: pieces where there is a bpe.model, phones where there is a lexicon instead.

    Raises:
        ModelError: the directory has neither, or what it has is broken.
    """
    if (directory / BPE).exists() or not (directory / LEXICON).exists():
        return Tokenizer.load(directory)
    return PhoneTokenizer.load(directory)
