"""Lengths in seconds as lengths in frames and steps of one engine."""

from kwsd.fallback.bundle import UNKNOWN_LABEL, CommandModel
from kwsd.fallback.decider import DeciderSettings
from kwsd.fallback.frontend import SHIFT_SAMPLES
from kwsd.fallback.settings import FallbackSettings
from kwsd.timebase import samples

OTHER_LIMIT = 0.35  # posterior of other speech around a word that is said on its own, from the dev speakers
BEFORE_S = 0.96  # from the posterior that is best for a word back to one that has not heard it


def frames(duration_s: float) -> int:
    """Seconds → whole frames of 10 ms."""
    return samples(duration_s) // SHIFT_SAMPLES


def decider_settings(settings: FallbackSettings, model: CommandModel, step_frames: int) -> DeciderSettings:
    """What the decider of a model takes, whose posteriors come every `step_frames`."""
    smoothing_s = settings.window_smoothing_s if model.engine == "ds-cnn" else settings.frame_smoothing_s
    return DeciderSettings(
        smoothing_steps=max(1, frames(smoothing_s) // step_frames),
        hold_frames=frames(settings.hold_s),
        refractory_frames=frames(settings.refractory_s),
        other=model.labels.index(UNKNOWN_LABEL),
        other_limit=OTHER_LIMIT if settings.alone else 1.0,
        before_steps=frames(BEFORE_S) // step_frames,
    )
