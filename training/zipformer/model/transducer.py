"""Decoder, joiner and the whole transducer (Graves, arXiv:1211.3711; stateless decoder, arXiv:2109.07513)."""

import torch
from torch import Tensor, nn

from training.zipformer.model.encoder import Encoder
from training.zipformer.model.settings import ModelSettings

BLANK = 0
"""Unit that stands for "nothing new"; also what a decoder context is filled with, see `Decoder`."""


class Decoder(nn.Module):
    """Stateless decoder: embeddings of the last two tokens, a grouped convolution over them, a projection."""

    def __init__(self, settings: ModelSettings) -> None:
        super().__init__()
        width = settings.decoder_dimension
        self.context = settings.context
        self.embedding = nn.Embedding(settings.vocabulary, width)
        self.conv = nn.Conv1d(width, width, settings.context, groups=width // 4, bias=False)
        self.decoder_proj = nn.Linear(width, settings.joiner_dimension)

    def forward(self, tokens: Tensor) -> Tensor:
        """Project every context; (N, S) int64 gives (N, S - context + 1, joiner_dimension). Token -1 is no token."""
        known = (tokens >= 0).unsqueeze(-1)
        embedded = self.embedding(tokens.clamp(min=0)) * known
        mixed = self.conv(embedded.transpose(1, 2)).transpose(1, 2)
        return self.decoder_proj(mixed.relu())

    def of_targets(self, targets: Tensor) -> Tensor:
        """Project the contexts before and after each target: (N, U) gives (N, U + 1, joiner_dimension).

        An utterance starts in the context (-1, …, blank), as keyword spotters start it.
        """
        start = torch.full((targets.shape[0], self.context), -1, dtype=targets.dtype, device=targets.device)
        start[:, -1] = BLANK
        return self(torch.cat([start, targets], dim=1))


class Joiner(nn.Module):
    """linear(tanh(encoder + decoder)): logits of the next unit."""

    def __init__(self, settings: ModelSettings) -> None:
        super().__init__()
        self.output_linear = nn.Linear(settings.joiner_dimension, settings.vocabulary)

    def forward(self, encoder_out: Tensor, decoder_out: Tensor) -> Tensor:
        """Join two broadcastable tensors (…, joiner_dimension) into logits (…, vocabulary)."""
        return self.output_linear((encoder_out + decoder_out).tanh())


class Transducer(nn.Module):
    """Encoder, decoder and joiner, and an acoustic head that only training uses, see loss/pruned.py."""

    def __init__(self, settings: ModelSettings) -> None:
        super().__init__()
        self.settings = settings
        self.encoder = Encoder(settings)
        self.encoder_proj = nn.Linear(settings.dimension, settings.joiner_dimension)
        self.decoder = Decoder(settings)
        self.joiner = Joiner(settings)
        self.acoustic = nn.Linear(settings.dimension, settings.vocabulary)

    def parameters_shipped(self) -> int:
        """Count the parameters that an export keeps."""
        helpers = sum(p.numel() for p in self.acoustic.parameters())
        return int(sum(p.numel() for p in self.parameters()) - helpers)
