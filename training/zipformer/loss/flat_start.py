"""A first guess of when each token is said: evenly over the loud frames.

Alignments are found by a network that can already hear a little, and a fresh one cannot: for hundreds of steps it gives
every frame the same answer. Recognisers of the hidden-Markov kind begin with an even segmentation (flat start; Young et
al., The HTK Book, section 3.2). A guess that is right for one frame in eight breaks the tie. Blank has its share in it,
or else the first steps with alignments, which teach blank before all, sweep away what was learnt (seen here).
"""

import torch
from torch import Tensor

from training.zipformer.data.batches import Batch

FRAMES_PER_OUTPUT = 4
"""Fbank frames (10 ms) per encoder frame (40 ms)."""
MOST_TOKENS = 0.9
"""Per frame."""


def flat_start_loss(logits: Tensor, batch: Batch) -> Tensor:
    """Cross-entropy of tokens spread evenly over the loud frames, and of blank as often as it must be.

    Args:
        logits: (N, T, V) of the acoustic head, T about a quarter of the batch's fbank frames.
        batch: what was said.

    Returns:
        Mean over loud frames (which token) plus mean over all frames (whether one), nats.
    """
    tokens = batch.tokens.unsqueeze(1)
    loud = loud_frames(batch.features, batch.lengths)[:, ::FRAMES_PER_OUTPUT][:, : logits.shape[1]]
    logits = logits[:, : loud.shape[1]].float()
    count = loud.sum(dim=1, keepdim=True).clamp(min=1)
    place = (loud.cumsum(dim=1) - 0.5) / count  # 0 to 1 within an utterance
    token = (place * tokens).long().minimum(tokens - 1).clamp(min=0)
    said = loud & (tokens > 0)
    labels = batch.targets.gather(1, token)[said] - 1
    which = torch.nn.functional.cross_entropy(logits[said][:, 1:], labels, reduction="sum") / max(1, len(labels))
    return which + _blank_loss(logits, loud * (tokens / count).clamp(max=MOST_TOKENS))


def _blank_loss(logits: Tensor, rate: Tensor) -> Tensor:
    """Cross-entropy of "a token" against "blank", where `rate` (N, T) is the share of frames that say one."""
    odds = logits[..., 1:].logsumexp(dim=2) - logits[..., 0]
    return torch.nn.functional.binary_cross_entropy_with_logits(odds, rate)


def loud_frames(features: Tensor, lengths: Tensor) -> Tensor:
    """Say which frames are above the middle between the quietest and the loudest of their utterance: (N, F) bool."""
    level = features.float().mean(dim=2)
    inside = torch.arange(level.shape[1], device=level.device) < lengths.unsqueeze(1)
    low = level.masked_fill(~inside, torch.inf).amin(dim=1, keepdim=True)
    high = level.masked_fill(~inside, -torch.inf).amax(dim=1, keepdim=True)
    return inside & (level > low + 0.5 * (high - low))
