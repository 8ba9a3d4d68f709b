"""What the network of the other engine says of a word that the first has found.

It runs only then, over what is kept of the sound: where nobody speaks it costs nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from kwsd.acoustic.session import make_session
from kwsd.commands12.decisions import Decision, moving_means
from kwsd.commands12.frontend import BANDS, CLIP_FRAMES, FloatArray
from kwsd.commands12.isolation import UNKNOWN, Past, Span, is_command, log_odds, signs_of_a_command
from kwsd.commands12.model import FixedModel, find_model
from kwsd.commands12.nc_ssm import read_nc_ssm
from kwsd.commands12.timing import SMOOTHING_S, frames
from kwsd.limits import EngineName

OTHER: dict[EngineName, EngineName] = {"ds-cnn": "nc-ssm", "nc-ssm": "ds-cnn"}
WINDOW_BEHIND_FRAMES = 8  # a decision, where the window ends
BEHIND_FRAMES, BEFORE_FRAMES = 64, 32  # a decision, where the recurrent network's answer is looked for
STRETCH_FRAMES = 192  # that it hears
BEST_OPINION = np.array([log_odds(1.0), log_odds(0.0)], np.float32)

Listen = Callable[[Past, Decision], tuple[float, float]]


class SecondOpinion:
    """Of the preferred model of the other engine."""

    def __init__(self, engine: EngineName) -> None:
        """`engine`: the one that finds the words. Raises ModelError: the other's model is missing or broken."""
        model = find_model(OTHER[engine])
        self._engine = engine
        self._listen = window_of(model) if model.engine == "ds-cnn" else stretch_of(model)

    def is_command(self, past: Past, decision: Decision, word: Span, labels: Sequence[str]) -> bool:
        """Whether both networks together speak for a command that is said on its own."""
        own = signs_of_a_command(past, decision, word, labels, self._engine)
        if not is_command(np.concatenate((own, BEST_OPINION)), self._engine):
            return False  # whatever the other would say
        return is_command(np.concatenate((own, self.signs(past, decision))), self._engine)

    def signs(self, past: Past, decision: Decision) -> FloatArray:
        """The word's own posterior and that of an unknown word, as log-odds: (2,)."""
        return np.array([log_odds(share) for share in self._listen(past, decision)], np.float32)


def window_of(model: FixedModel) -> Listen:
    """After the second that ends behind the decision. Raises ModelError."""
    session, unknown = make_session(model.path), model.labels.index(UNKNOWN)

    def listen(past: Past, decision: Decision) -> tuple[float, float]:
        window = frames_before(past, min(decision.frame + WINDOW_BEHIND_FRAMES, past.end_frame), CLIP_FRAMES)
        (shares,) = session.run(None, {"frames": window[None]})[0]
        return float(shares[decision.label]), float(shares[unknown])

    return listen


def stretch_of(model: FixedModel) -> Listen:
    """The largest after any frame near the decision, the word's own smoothed, from a fresh start. Raises ModelError."""
    network, unknown = read_nc_ssm(model.path), model.labels.index(UNKNOWN)
    smoothing = frames(SMOOTHING_S[model.engine])

    def listen(past: Past, decision: Decision) -> tuple[float, float]:
        end = min(decision.frame + BEHIND_FRAMES, past.end_frame)
        rows = network.run(frames_before(past, end, STRETCH_FRAMES))
        near = len(rows) - (end - decision.frame) - BEFORE_FRAMES
        smoothed = moving_means(rows[near - smoothing :], smoothing)
        return float(smoothed[:, decision.label].max()), float(rows[near:, unknown].max())

    return listen


def frames_before(past: Past, end: int, count: int) -> FloatArray:
    """So many before a frame (count, 40); before a stream there was silence."""
    kept = past.pictured(Span(end - count, end))
    return np.concatenate((np.zeros((count - len(kept), BANDS), np.float32), kept))
