"""Lengths in seconds as lengths in frames and steps of one engine."""

from kwsd.commands12.decisions import DecisionSettings
from kwsd.commands12.frontend import SHIFT_SAMPLES
from kwsd.commands12.settings import EngineName, FallbackSettings
from kwsd.timebase import samples

HOLD_S = {"ds-cnn": 0.32, "nc-ssm": 0.48}


def frames(duration_s: float) -> int:
    """Seconds → whole frames of 10 ms."""
    return samples(duration_s) // SHIFT_SAMPLES


def decision_settings(settings: FallbackSettings, engine: EngineName, step_frames: int) -> DecisionSettings:
    """What the decisions of a network are made with, whose posteriors come every `step_frames`."""
    smoothing_s = settings.window_smoothing_s if engine == "ds-cnn" else settings.frame_smoothing_s
    hold_s = HOLD_S[engine] if settings.hold_s is None else settings.hold_s
    return DecisionSettings(
        smoothing_steps=max(1, frames(smoothing_s) // step_frames),
        hold_frames=frames(hold_s),
        refractory_frames=frames(settings.refractory_s),
    )
