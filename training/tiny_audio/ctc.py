"""When which token is said: CTC between the projector's output and the decoder's own embeddings, without its layers.

A projector that only the decoder's loss teaches has to find by chance that the words are in the sound. Here each of its
outputs is told to lie near the embedding of a token that is said, or near that of a space (CTC, Graves 2006); the
decoder then reads what it would read if somebody had typed it, at a fortieth of the cost.
"""

from collections.abc import Sequence
from typing import Any

import torch
from torch.nn.functional import ctc_loss
from torch.nn.utils.rnn import pad_sequence

from training.tiny_audio.shipped.modeling_tiny_audio import TinyAudio, likeness

BLANK = 0
"""Place in `vocabulary`."""


def tokens_of(tokenizer: Any, text: str) -> list[int]:
    """As they stand behind another word."""
    ids: list[int] = tokenizer(" " + text, add_special_tokens=False).input_ids
    return ids


def vocabulary_of(tokenizer: Any, texts: Sequence[str], known: Sequence[int] = ()) -> list[int]:
    """A space's token, for nothing, and those of some texts; behind those that a run knows already."""
    space = [*tokenizer(" ", add_special_tokens=False).input_ids, tokenizer.eos_token_id][0]  # one of words has none
    first = [*known] or [space]
    return [*first, *sorted({token for text in texts for token in tokens_of(tokenizer, text)} - {*first})]


class Ctc:
    """Over a vocabulary. Imports nothing that learns: the embeddings are the decoder's."""

    def __init__(self, model: TinyAudio, vocabulary: Sequence[int]) -> None:
        self._model, self.vocabulary = model, vocabulary
        self._place = {token: place for place, token in enumerate(vocabulary)}
        self._embeddings = model.embedded(vocabulary).float()

    def tokens(self, text: str) -> list[int]:
        """Of a text."""
        return tokens_of(self._model.tokenizer, text)

    def logits(self, made: Sequence[torch.Tensor]) -> tuple[torch.Tensor, list[int]]:
        """(T, B, V) and how much of it each utterance has, of what the projector made."""
        padded = pad_sequence(made)
        return likeness(padded, self._embeddings), list(map(len, made))

    def loss(self, made: Sequence[torch.Tensor], texts: Sequence[str]) -> torch.Tensor:
        """Nats per token. Tokens that no text of the beginning had are passed over."""
        logits, counts = self.logits(made)
        wanted = [[self._place[token] for token in self.tokens(text) if token in self._place] for text in texts]
        lengths = torch.tensor([len(each) for each in wanted])
        flat = torch.tensor([place for each in wanted for place in each])
        return (
            ctc_loss(
                logits.log_softmax(-1), flat, torch.tensor(counts), lengths, BLANK, reduction="sum", zero_infinity=True
            )
            / lengths.sum()
        )

    def read(self, made: Sequence[torch.Tensor]) -> list[str]:
        """The nearest tokens as text."""
        logits, counts = self.logits(made)
        texts = []
        for best, count in zip(logits.argmax(-1).T.tolist(), counts, strict=True):
            kept = [
                place
                for place, before in zip(best[:count], [BLANK, *best], strict=False)
                if place not in {BLANK, before}
            ]
            texts.append(str(self._model.tokenizer.decode([self.vocabulary[place] for place in kept])).strip())
        return texts
