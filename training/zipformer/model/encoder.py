"""The encoder: front end, stacks at several frame rates, output at 25 Hz (Zipformer, arXiv:2310.11230)."""

from typing import NamedTuple

import torch
from torch import Tensor, nn

from training.zipformer.model.attention import Windows, chunk_mask, relative_positions
from training.zipformer.model.frontend import FrontEnd
from training.zipformer.model.layer import LayerCache, Scope
from training.zipformer.model.settings import CONVOLUTION_LOSS, NEXT_CONTEXT, ModelSettings
from training.zipformer.model.stack import Downsample, Stack

SILENCE = -15.942385
"""Log-mel energy of digital silence, log(2**-23); what follows the end of an utterance."""

WORTH_CUTTING = 2
"""Whole utterances are attended to chunk by chunk where they are so many times as long as what a chunk sees."""


class EncoderState(NamedTuple):
    """Everything the encoder remembers between chunks."""

    caches: list[list[LayerCache]]
    """one list of layer caches per stack"""
    embed: Tensor
    """(N, channels, 3, bins), the front end's cache"""
    processed: Tensor
    """(N,) int64, inner frames (20 ms) heard since the state was made"""


class Encoder(nn.Module):
    """Causal multi-rate Zipformer over log-mel frames."""

    def __init__(self, settings: ModelSettings) -> None:
        super().__init__()
        self.settings = settings
        self.encoder_embed = FrontEnd(settings)
        self.stacks = nn.ModuleList(Stack(settings, i) for i in range(len(settings.layers)))
        self.downsample_output = Downsample(2)

    def forward(self, features: Tensor, lengths: Tensor, chunk: int = 0, left: int = -1) -> tuple[Tensor, Tensor]:
        """Encode whole utterances as a stream with the given chunks would.

        Args:
            features: (N, F, mel bins), log-mel, frames behind an utterance's end at `SILENCE`.
            lengths: (N,) int64, fbank frames of each utterance.
            chunk: inner frames (20 ms) per chunk, a multiple of the largest downsampling; 0 for one chunk.
            left: inner frames of left context, a multiple of chunk; negative for all.

        Returns:
            Frames at 25 Hz (N, T, C) and how many of them each utterance has, (N,).
        """
        ahead = nn.functional.pad(features, (0, 0, 0, 2 * NEXT_CONTEXT), value=SILENCE)
        x, _ = self.encoder_embed(ahead, self.encoder_embed.empty_cache(features))
        inner = (lengths - CONVOLUTION_LOSS) // 2
        padding = torch.arange(x.shape[1], device=x.device) >= inner.unsqueeze(1)
        for stack in self.stacks:
            scope = self._whole_scope(x, padding, stack.factor, chunk, left)
            x, _ = stack(x, scope, [layer.empty_cache(0, x) for layer in stack.layers])
        return self.downsample_output(x), (inner + 1) // 2

    def stream(self, features: Tensor, state: EncoderState, left: int) -> tuple[Tensor, EncoderState]:
        """Encode one chunk.

        Args:
            features: (N, 2 * chunk + 13, mel bins); the next call starts 2 * chunk frames later.
            state: of the stream so far.
            left: inner frames of left context; the caches have left / downsampling frames.

        Returns:
            (N, chunk / 2, C) and the state for the next chunk.
        """
        x, embed = self.encoder_embed(features, state.embed)
        frames, following = x.shape[1], []
        for stack, caches in zip(self.stacks, state.caches, strict=True):
            scope = self._stream_scope(x, state.processed, stack.factor, left)
            x, new = stack(x, scope, caches)
            following.append(new)
        return self.downsample_output(x), EncoderState(following, embed, state.processed + frames)

    def empty_state(self, left: int, like: Tensor) -> EncoderState:
        """Make the state of a stream that has heard nothing; `like` gives batch size, dtype and device."""
        caches = [[layer.empty_cache(left // stack.factor, like) for layer in stack.layers] for stack in self.stacks]
        processed = torch.zeros(like.shape[0], dtype=torch.int64, device=like.device)
        return EncoderState(caches, self.encoder_embed.empty_cache(like), processed)

    def _whole_scope(self, x: Tensor, padding: Tensor, factor: int, chunk: int, left: int) -> Scope:
        slow_padding = padding[:, ::factor]
        frames, windows = slow_padding.shape[1], Windows(chunk // factor, left // factor)
        if chunk and left >= 0 and WORTH_CUTTING * (windows.chunk + windows.left) <= frames:
            visible = windows.around(~slow_padding.unsqueeze(-1))[:, None, None, :, 0]
            positions = relative_positions(windows.chunk, windows.left, self.settings.position_dimension, x)
            return Scope(positions, visible, slow_padding, windows.chunk, windows)
        mask = chunk_mask(frames, windows.chunk, left if left < 0 else windows.left, x.device)
        visible = mask & ~slow_padding[:, None, None, :]
        positions = relative_positions(frames, 0, self.settings.position_dimension, x)
        return Scope(positions, visible, slow_padding, windows.chunk)

    def _stream_scope(self, x: Tensor, processed: Tensor, factor: int, left: int) -> Scope:
        frames, cached = x.shape[1] // factor, left // factor
        age = torch.arange(cached, 0, -1, device=x.device) * factor  # inner frames back to each cached key
        heard = age.unsqueeze(0) <= processed.unsqueeze(1)
        fresh = torch.ones(x.shape[0], frames, dtype=torch.bool, device=x.device)
        visible = torch.cat([heard, fresh], dim=1)[:, None, None, :]
        return Scope(relative_positions(frames, cached, self.settings.position_dimension, x), visible, None, 0)
