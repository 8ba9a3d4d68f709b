"""Posteriors over time → one decision per utterance."""

from collections.abc import Iterator, Mapping, Sequence

import numpy as np

from kwsd.commands12.frontend import FloatArray
from kwsd.quick_dataclass import dataclass

RELEASE_PART = 0.5  # a word may fire again once its posterior has been below this part of its threshold
RISE = 0.005  # a posterior that grows by less has stopped rising


@dataclass(frozen=True, slots=True)
class Decision:
    """A word heard."""

    label: int
    """Class number."""
    frame: int
    """Frame after the last one that the best posterior saw."""
    score: float
    """Best smoothed posterior, 0 to 1."""
    min_score: float
    """Smallest single posterior under the smoothing there, 0 to 1."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DecisionSettings:
    """Lengths in frames of 10 ms."""

    smoothing_steps: int
    """Posteriors that are averaged, at least 1."""
    hold_frames: int
    refractory_frames: int


class Decisions:
    """Follows one stream of posteriors.

    The first word to pass its threshold is a candidate. A better word in its place replaces it; once its posterior
    has not risen for `hold_frames`, it is decided. Then everything is quiet for `refractory_frames`, and the same word
    until its posterior has gone.
    """

    def __init__(self, thresholds: FloatArray, settings: DecisionSettings) -> None:
        """Thresholds by class number; infinity for classes that are never reported."""
        self.thresholds = thresholds
        self._settings = settings
        self.reset()

    def reset(self) -> None:
        """Start over, as after a gap."""
        steps, classes = self._settings.smoothing_steps, len(self.thresholds)
        self._tail: FloatArray = np.zeros((steps - 1, classes), np.float32)
        self._candidate: Decision | None = None
        self._spent: set[int] = set()
        self._quiet_until = 0

    @property
    def candidate(self) -> int | None:
        """Class number of the word that is being decided about."""
        return self._candidate.label if self._candidate else None

    def accept(self, frames: Sequence[int], rows: FloatArray) -> Iterator[Decision]:
        """Posteriors (n, classes), each of everything before its frame → decisions."""
        known = np.concatenate((self._tail, rows))
        self._tail = known[len(rows) :]
        smoothed = moving_means(known, self._settings.smoothing_steps)
        passing: list[bool] = np.any(smoothed >= self.thresholds, axis=1).tolist()
        if self._candidate is None and not self._spent and not any(passing):
            return  # almost always; the loop below would come to the same
        for place, (frame, means) in enumerate(zip(frames, smoothed.tolist(), strict=True)):
            if self._spent:
                self._spent = {n for n in self._spent if means[n] >= RELEASE_PART * self.thresholds[n]}
            if passing[place] and frame >= self._quiet_until:
                # the best word over its threshold, if it beats the candidate
                least = self._candidate.score + RISE if self._candidate else 0.0
                new = (n for n, mean in enumerate(means) if mean > least and n not in self._spent)
                label = max((n for n in new if means[n] >= self.thresholds[n]), key=means.__getitem__, default=None)
                if label is not None:
                    window = known[place : place + self._settings.smoothing_steps]
                    self._candidate = Decision(label, frame, means[label], float(window[:, label].min()))
            found = self._candidate
            if found is not None and frame - found.frame >= self._settings.hold_frames:
                self._candidate = None
                self._spent.add(found.label)
                self._quiet_until = frame + self._settings.refractory_frames
                yield found

    def finish(self) -> Decision | None:
        """The sound has ended: the candidate, if there is one."""
        found, self._candidate = self._candidate, None
        return found


def moving_means(rows: FloatArray, steps: int) -> FloatArray:
    """Mean of every `steps` rows in a row: (n, classes) → (n - steps + 1, classes)."""
    sums = np.cumsum(np.concatenate((np.zeros((1, rows.shape[1])), rows)), axis=0)
    return np.asarray((sums[steps:] - sums[:-steps]) / steps, np.float32)


def class_thresholds(
    labels: Sequence[str], words: Sequence[str], own: Mapping[str, float], overrides: Mapping[str, float]
) -> FloatArray:
    """Threshold by class: the override, else the model's own; infinity for what is not to be reported."""
    chosen = [overrides.get(label, own[label]) if label in words else np.inf for label in labels]
    return np.array(chosen, np.float32)
