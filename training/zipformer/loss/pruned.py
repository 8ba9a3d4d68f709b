"""Transducer loss with the joiner run on a band of the lattice only, after the pruned RNN-T (arXiv:2206.13236).

The full lattice has T (U + 1) nodes with a whole vocabulary of logits each. A transducer without decoder, that is one
linear layer on the encoder, is cheap on the full lattice; where its alignments run, within `band` tokens at each frame,
the real joiner is evaluated. The paper's cheap joiner adds a term for the text; here it has none, so that alignments
follow the sound even when there is so little text that a decoder learns it by heart. Its loss is also what CTC
(Graves et al., ICML 2006) gives an encoder: a reason to listen.
"""

import torch
from torch import Tensor

from training.zipformer.loss.lattice import IMPOSSIBLE, Sums, transducer_loss
from training.zipformer.model.transducer import BLANK, Transducer


def acoustic_arcs(logits: Tensor, targets: Tensor) -> tuple[Tensor, Tensor]:
    """Log-probabilities of blank and of the next token, whatever was said before.

    Args:
        logits: (N, T, V).
        targets: (N, U) int64.

    Returns:
        Two tensors (N, T, U + 1).
    """
    log_probabilities = logits.log_softmax(dim=-1)
    following = torch.nn.functional.pad(targets, (0, 1))  # the last column leads nowhere
    emit = log_probabilities.gather(2, following.unsqueeze(1).expand(-1, logits.shape[1], -1))
    return log_probabilities[..., BLANK].unsqueeze(2).expand_as(emit), emit


def band_starts(occupancy: Tensor, frames: Tensor, tokens: Tensor, band: int) -> Tensor:
    """Choose the first token of the band for each frame.

    The starts hold as much occupancy as possible, never go back, advance by less than `band` a frame (so that the band
    is connected), begin at 0 and end such that the last token is in.

    Args:
        occupancy: (N, T, U + 1), how likely an alignment is in a node.
        frames: (N,) int64.
        tokens: (N,) int64.
        band: width, at most U + 1.

    Returns:
        (N, T) int64.
    """
    windows = torch.nn.functional.pad(occupancy.cumsum(dim=2), (1, 0))
    starts = (windows[..., band:] - windows[..., :-band]).argmax(dim=2)
    last_start = (tokens + 1 - band).clamp(min=0).unsqueeze(1)
    t = torch.arange(starts.shape[1], device=starts.device)
    starts = torch.where(t >= (frames - 1).unsqueeze(1), last_start, starts.minimum(last_start))
    starts = starts.cummax(dim=1).values.minimum((band - 1) * t)
    steepest = starts - (band - 1) * t
    return steepest.flip(1).cummax(dim=1).values.flip(1) + (band - 1) * t


def banded_arcs(
    model: Transducer,
    sound: Tensor,
    text: Tensor,
    targets: Tensor,
    nodes: Tensor,
    *,
    frames: Tensor | None = None,
) -> tuple[Tensor, Tensor]:
    """Run the joiner on a band of nodes and lay its log-probabilities into the full lattice.

    Args:
        model: whose joiner to run.
        sound: (N, T, J), projected encoder frames.
        text: (N, U + 1, J), projected decoder contexts.
        targets: (N, U) int64.
        nodes: (N, T, band) int64, tokens said so far in each node of the band.
        frames: (N,) int64; the joiner is not run on frames behind these. Counting them asks the device: None on a GPU.

    Returns:
        Blank and emit log-probabilities (N, T, U + 1), impossible outside the band.
    """
    following = torch.nn.functional.pad(targets, (0, 1))
    lattice = torch.full((*sound.shape[:2], text.shape[1]), IMPOSSIBLE, device=sound.device)
    if frames is None:
        batch = torch.arange(text.shape[0], device=text.device)[:, None, None]
        blank, emit = _joined(model, sound.unsqueeze(2), text[batch, nodes], following[batch, nodes])
        return lattice.scatter(2, nodes, blank), lattice.scatter(2, nodes, emit)
    there = torch.arange(sound.shape[1], device=sound.device) < frames.unsqueeze(1)
    batch, time = (place.unsqueeze(1) for place in there.nonzero(as_tuple=True))
    held = nodes[there]
    blank, emit = _joined(model, sound[there].unsqueeze(1), text[batch, held], following[batch, held])
    return lattice.index_put((batch, time, held), blank), lattice.index_put((batch, time, held), emit)


def _joined(model: Transducer, sound: Tensor, text: Tensor, following: Tensor) -> tuple[Tensor, Tensor]:
    """Log-probabilities of blank and of the following token, of sound (…, 1, J) with text (…, band, J)."""
    logits = model.joiner(sound, text).float()  # (…, band, V)
    normaliser = logits.logsumexp(dim=-1)
    emit = logits.gather(-1, following.unsqueeze(-1)).squeeze(-1) - normaliser
    return logits[..., BLANK] - normaliser, emit


def losses(
    model: Transducer,
    encoded: Tensor,
    frames: Tensor,
    targets: Tensor,
    tokens: Tensor,
    *,
    band: int,
    sums: Sums | None = None,
) -> tuple[Tensor, Tensor]:
    """Losses of each utterance.

    Args:
        model: the transducer that made `encoded`.
        encoded: (N, T, C) encoder frames.
        frames: (N,) int64.
        targets: (N, U) int64, blank behind each utterance's end.
        tokens: (N,) int64.
        band: tokens per frame that the joiner is run on; 0 for all.
        sums: how to sum over alignments, None for the reference.

    Returns:
        The loss without decoder and that of the joiner, (N,) each, nats per utterance.
    """
    text = model.decoder.of_targets(targets)
    blank, emit = acoustic_arcs(model.acoustic(encoded).float(), targets)
    acoustic, occupancy = transducer_loss(blank, emit, frames, tokens, sums)
    width = min(band or text.shape[1], text.shape[1])
    starts = band_starts(occupancy, frames, tokens, width)
    nodes = starts.unsqueeze(2) + torch.arange(width, device=starts.device)
    real = frames if encoded.device.type == "cpu" else None  # of rows cut into clips, a third
    blank, emit = banded_arcs(model, model.encoder_proj(encoded), text, targets, nodes, frames=real)
    joint, _ = transducer_loss(blank, emit, frames, tokens, sums)
    return acoustic, joint
