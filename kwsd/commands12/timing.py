"""Lengths in seconds as lengths in frames and steps of one engine."""

from kwsd.commands12.decisions import DecisionSettings
from kwsd.commands12.frontend import SHIFT_SAMPLES
from kwsd.config.settings import FixedWords
from kwsd.limits import EngineName
from kwsd.timebase import samples

SMOOTHING_S = {"ds-cnn": 0.32, "nc-ssm": 0.3}
"""Posteriors are averaged over this long."""


def frames(duration_s: float) -> int:
    """Seconds → whole frames of 10 ms."""
    return samples(duration_s) // SHIFT_SAMPLES


def decision_settings(settings: FixedWords, engine: EngineName, step_frames: int) -> DecisionSettings:
    """What the decisions of a network are made with, whose posteriors come every `step_frames`."""
    return DecisionSettings(
        smoothing_steps=max(1, frames(SMOOTHING_S[engine]) // step_frames),
        hold_frames=frames(settings.hold_s),
        refractory_frames=frames(settings.refractory_s),
    )
