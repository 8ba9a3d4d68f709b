"""The two ways from frames to posteriors: a window of a second, and a recurrence."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Protocol

import numpy as np

from kwsd.acoustic.session import make_session
from kwsd.commands12.ds_cnn import read_ds_cnn
from kwsd.commands12.frontend import BANDS, CLIP_FRAMES, FloatArray
from kwsd.commands12.model import EXTRA, FixedModel
from kwsd.commands12.timing import frames
from kwsd.config.settings import FixedWords
from kwsd.errors import ModelError


class PosteriorNetwork(Protocol):
    """Takes blocks of frames; gives posteriors at regular steps."""

    block_frames: int
    """Frames per block."""
    step_frames: int
    """Frames from one posterior to the next; divides `block_frames`."""

    def accept(self, block: FloatArray) -> FloatArray:
        """Grey values (block_frames, 40) → posteriors (block_frames / step_frames, classes)."""
        ...

    def reset(self) -> None:
        """Forget all sound."""
        ...


class WindowNetwork:
    """DS-CNN: every block moves a window of 98 frames on. Before the start of the stream there was silence."""

    def __init__(self, path: Path, hop_frames: int) -> None:
        self.block_frames = self.step_frames = hop_frames
        self._run = window_run(path, hop_frames)
        self.reset()

    def reset(self) -> None:
        """Forget all sound."""
        self._window: FloatArray = np.zeros((CLIP_FRAMES, BANDS), np.float32)
        self._is_fresh = True

    def accept(self, block: FloatArray) -> FloatArray:
        """One hop on: (hop, 40) → (1, classes)."""
        self._window = np.concatenate((self._window, block))[-CLIP_FRAMES:]
        posteriors, self._is_fresh = self._run(self._window, self._is_fresh), False
        return posteriors[None]


def window_run(path: Path, hop_frames: int) -> Callable[[FloatArray, bool], FloatArray]:
    """What takes windows (98, 40), and whether each is a fresh one, to posteriors (classes,). Raises ModelError."""
    if ds_cnn := read_ds_cnn(path, hop_frames):
        return ds_cnn.run
    session = make_session(path)
    return lambda window, _: np.asarray(session.run(None, {"frames": window[None]})[0][0], np.float32)


class FrameNetwork:
    """NC-SSM: a posterior for every frame and a state of constant size, all zeros at the start."""

    step_frames = 1

    def __init__(self, path: Path) -> None:
        self._session = make_session(path)
        shapes = {entry.name: entry.shape for entry in self._session.get_inputs()}
        self.block_frames = int(shapes["frames"][1])
        self._state_size = int(shapes["state"][0])
        self.reset()

    def reset(self) -> None:
        """Forget all sound."""
        self._state: FloatArray = np.zeros(self._state_size, np.float32)

    def accept(self, block: FloatArray) -> FloatArray:
        """(block, 40) → (block, classes)."""
        posteriors, self._state = self._session.run(None, {"frames": block[None], "state": self._state})
        return np.asarray(posteriors[0], np.float32)


def make_network(model: FixedModel, settings: FixedWords) -> PosteriorNetwork:
    """The engine of a model, proven on a second of silence.

    Raises:
        ModelError: the file is missing or is not such a model.
    """
    if not model.path.is_file():
        remedy = f"{model.name} does not come with the package of kwsd: fetch it with kwsctl models pull {EXTRA}"
        raise ModelError(f"{model.path}: no such file; {remedy}")
    try:
        engine: PosteriorNetwork
        if model.engine == "ds-cnn":
            engine = WindowNetwork(model.path, max(1, frames(settings.hop_s)))
        else:
            engine = FrameNetwork(model.path)
        _prove(engine, len(model.labels))
    except ModelError:
        raise
    except Exception as error:  # whatever onnxruntime raises here means the same
        raise ModelError(f"{model.path}: not a model of the {model.engine} engine: {error}") from error
    return engine


def _prove(engine: PosteriorNetwork, classes: int) -> None:
    """Raise ValueError unless silence gives finite posteriors of the right shape."""
    found = engine.accept(np.zeros((engine.block_frames, BANDS), np.float32))
    wanted = (engine.block_frames // engine.step_frames, classes)
    if found.shape != wanted or not np.isfinite(found).all():
        raise ValueError(f"silence gives {found.shape}, wanted finite posteriors {wanted}")
    engine.reset()
