"""How long, how fast and on what batches to train."""

from dataclasses import dataclass, field

from training.zipformer.data.augment import AugmentSettings
from training.zipformer.data.channel import Channel

CHUNKS = ((8, 64), (16, 64), (16, 64), (16, 128), (32, 64), (32, -1), (0, -1))
"""(chunk, left context) in inner frames of 20 ms, one drawn per batch; 0 is all in one, -1 all heard so far."""


@dataclass(frozen=True)
class TrainSettings:
    """How to train."""

    steps: int = 0
    """stop after so many steps; 0 goes on for ever"""
    minutes: float = 0.0
    """stop after so many minutes of this process; 0 goes on for ever"""
    cool_minutes: float = 0.0
    """last ones of `minutes`, over which the learning rate falls to a twentieth"""
    batch_seconds: float = 100.0
    row_seconds: float = 0.0
    """fill rows of this length with clips, see data/rows.py; 0 pads clips of like length instead"""
    longest_s: float = 17.0
    band: int = 8
    """tokens per frame that the joiner is run on; 0 for the full lattice"""
    acoustic: float = 0.4
    """weight of the loss without decoder"""
    listen: int = 250
    """first steps, with a flat start alone and nothing augmented, see loss/flat_start.py"""
    short_s: float = 5.0
    """longest utterance of the first epoch: the shorter, the better the guess of a flat start"""
    rate: float = 0.04
    still: int = 0
    """first steps that move nothing, in which the optimizer learns how large the gradients of good weights are"""
    warmup: int = 300
    decay: int = 4000
    cool_down: int = 0
    """last ones of `steps`, over which the learning rate falls to a twentieth"""
    seed: int = 1
    report_every: int = 20
    dev_every: int = 400
    dev_seconds: float = 1200.0
    save_minutes: float = 2.0
    """time between checkpoints; what is lost at most when the process is killed"""
    weights_every: int = 400
    keep: int = 20
    average: float = 0.0
    """decay of a moving average of the weights, which is what is kept and measured on dev; 0 takes the weights"""
    chunks: tuple[tuple[int, int], ...] = CHUNKS
    compile: bool = False
    """have the layers written in C++, for a CPU"""
    half: bool = True
    """multiply matrices in bfloat16, where the device has instructions for it"""
    augment: AugmentSettings = field(default_factory=AugmentSettings)
    channel: Channel = field(default_factory=Channel)
    """of what is laid in rows"""

    def __post_init__(self) -> None:
        """Refuse a run that could only crawl."""
        if self.cool_down and not self.steps:
            raise ValueError("a cool-down lies at the end of the steps: say how many there are (--steps)")
        if self.cool_minutes and not self.minutes:
            raise ValueError("a cool-down lies at the end of the minutes: say how many there are (--minutes)")
