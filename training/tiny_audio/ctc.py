"""When which token is said: CTC between the projector's output and the decoder's own embeddings, without its layers.

A projector that only the decoder's loss teaches has to find by chance that the words are in the sound. Here each of its
outputs is told to lie near the embedding of a token that is said, or near that of a space (CTC, Graves 2006); the
decoder then reads what it would read if somebody had typed it, at a fortieth of the cost.
"""

from collections.abc import Sequence

import torch
from torch.nn.functional import ctc_loss
from torch.nn.utils.rnn import pad_sequence

from training.tiny_audio.shipped.modeling_tiny_audio import TinyAudio

SHARPNESS = 2.0
"""Logits are squared distances times this."""
BLANK = 0
"""Place in `vocabulary`."""


class Ctc:
    """Over the tokens of some texts. Imports nothing that learns: the embeddings are the decoder's."""

    def __init__(self, model: TinyAudio, texts: Sequence[str], blank: str = " ") -> None:
        self._model = model
        space = [*self._ids(blank), model.tokenizer.eos_token_id][0]  # a tokenizer of words has none
        self.vocabulary = [space, *sorted({token for text in texts for token in self.tokens(text)} - {space})]
        self._place = {token: place for place, token in enumerate(self.vocabulary)}
        self._embeddings = model.embedded(self.vocabulary).float()

    def _ids(self, text: str) -> list[int]:
        ids: list[int] = self._model.tokenizer(text, add_special_tokens=False).input_ids
        return ids

    def tokens(self, text: str) -> list[int]:
        """As they stand behind another word."""
        return self._ids(" " + text)

    def logits(self, frames: Sequence[torch.Tensor]) -> tuple[torch.Tensor, list[int]]:
        """(T, B, V) and how much of it each utterance has."""
        made = self._model.projector(frames)
        padded = pad_sequence(made)
        squares = (padded * padded).sum(-1, keepdim=True) + (self._embeddings * self._embeddings).sum(-1)
        return SHARPNESS * (2 * padded @ self._embeddings.T - squares), list(map(len, made))

    def loss(self, frames: Sequence[torch.Tensor], texts: Sequence[str]) -> torch.Tensor:
        """Nats per token. Tokens that no text of the beginning had are passed over."""
        logits, counts = self.logits(frames)
        wanted = [[self._place[token] for token in self.tokens(text) if token in self._place] for text in texts]
        lengths = torch.tensor([len(each) for each in wanted])
        flat = torch.tensor([place for each in wanted for place in each])
        return (
            ctc_loss(
                logits.log_softmax(-1), flat, torch.tensor(counts), lengths, BLANK, reduction="sum", zero_infinity=True
            )
            / lengths.sum()
        )

    def read(self, frames: Sequence[torch.Tensor]) -> list[str]:
        """The nearest tokens as text."""
        logits, counts = self.logits(frames)
        texts = []
        for best, count in zip(logits.argmax(-1).T.tolist(), counts, strict=True):
            kept = [
                place
                for place, before in zip(best[:count], [BLANK, *best], strict=False)
                if place not in {BLANK, before}
            ]
            texts.append(str(self._model.tokenizer.decode([self.vocabulary[place] for place in kept])).strip())
        return texts
