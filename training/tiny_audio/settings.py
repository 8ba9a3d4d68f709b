"""What a run is told, kept in its checkpoint."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class TrainSettings:
    """All of it can be given to `train`."""

    decoder: str
    """Directory of a causal language model, or a GGUF file."""
    prompt: str = ""
    """Empty: what the decoder's own chat template makes of PROMPT."""
    ctc_steps: int = 2000
    """Steps that begin the run, taught by CTC alone."""
    steps: int = 4000
    """In all; those behind the first are taught by the decoder."""
    batch_seconds: float = 60.0
    """Sound in a batch of the decoder's steps."""
    ctc_batch_seconds: float = 240.0
    """In one of the first."""
    rate: float = 1e-3
    """Highest learning rate; in the decoder's steps a fifth of it."""
    warmup: int = 50
    stack: int = 5
    projector_size: int = 1024
    ctc_weight: float = 0.3
    """Of CTC's loss beside the decoder's, in the decoder's steps."""
    mixed: int = 1
    """0: the decoder is given vectors, and not mixtures of its tokens; one of random weights knows no tokens."""
    dropout: float = 0.1
    """Of numbers in the encoder's frames."""
    dev_every: int = 100
    seed: int = 1


DECODER_RATE = 0.2


def learning_rate(settings: TrainSettings, step: int) -> float:
    """Of a step: rises, stays, and falls to a twentieth over the second half of each of the two parts."""
    by_ctc = step < settings.ctc_steps
    begin, end = (0, settings.ctc_steps) if by_ctc else (settings.ctc_steps, settings.steps)
    done, whole = step - begin + 1, max(1, end - begin)
    fall = max(0.05, min(1.0, 2 * (1 - done / (whole + 1))))
    return settings.rate * (1 if by_ctc else DECODER_RATE) * min(1.0, done / settings.warmup) * fall
