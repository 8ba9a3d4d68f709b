"""fbank → encoder frames: a cached-state streaming Zipformer2 (arXiv:2310.11230) exported to ONNX.

The graph takes `x` and every cache, and returns `encoder_out` and every cache again in the same order, as icefall's
streaming export lays it out. Shapes are read from the graph; the metadata gives only T and the advance per call.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from kwsd.acoustic.fbank import NUM_BINS
from kwsd.acoustic.session import make_session
from kwsd.errors import ModelError
from kwsd.timebase import SUBSAMPLING

_DTYPES = {"tensor(float)": np.float32, "tensor(int64)": np.int64, "tensor(int32)": np.int32}
REQUIRED_METADATA = ("T", "decode_chunk_len")


class Encoder:
    """The immutable part: one session, shared by any number of streams."""

    def __init__(self, path: Path) -> None:
        """Load the graph.

        Raises:
            ModelError: not a streaming Zipformer2 export.
        """
        self.path = path
        self._session = make_session(path)
        metadata = self._session.get_modelmeta().custom_metadata_map
        missing = [key for key in REQUIRED_METADATA if not metadata.get(key, "").isdecimal()]
        if missing:
            raise ModelError(
                f"{path}: not a streaming Zipformer2 export: metadata lacks {', '.join(missing)} as a number"
            )
        self.chunk_frames = int(metadata["T"])
        """fbank frames per call (45 upstream)."""
        self.shift_frames = int(metadata["decode_chunk_len"])
        """fbank frames that each call moves on by (32 upstream: 320 ms)."""
        self.output_frames = self.shift_frames // SUBSAMPLING
        """Encoder frames per call (8 upstream)."""
        self._inputs = self._session.get_inputs()
        self._check_layout()

    def _check_layout(self) -> None:
        outputs = self._session.get_outputs()
        caches = [f"new_{entry.name}" for entry in self._inputs[1:]]
        if self._inputs[0].name != "x" or [entry.name for entry in outputs] != ["encoder_out", *caches]:
            raise ModelError(f"{self.path}: inputs and outputs are not those of a streaming Zipformer2 export")

    def initial_state(self) -> list[NDArray[Any]]:
        """Caches of a stream that has heard nothing: zeros, which the attention mask knows to be absent."""
        return [
            np.zeros([size if isinstance(size, int) else 1 for size in entry.shape], _DTYPES[entry.type])
            for entry in self._inputs[1:]
        ]

    def run(
        self, fbank: NDArray[np.float32], state: list[NDArray[Any]]
    ) -> tuple[NDArray[np.float32], list[NDArray[Any]]]:
        """One chunk (T, 80) and its caches → frames (8, C) and the next caches."""
        feeds = {entry.name: cache for entry, cache in zip(self._inputs[1:], state, strict=True)}
        feeds["x"] = fbank[None]
        encoder_out, *state = self._session.run(None, feeds)
        return encoder_out[0], state

    def self_test(self) -> int:
        """Run one zero chunk; return the width C of a frame.

        Raises:
            ModelError: the graph does not run, or its output has the wrong shape or is not finite.
        """
        try:
            frames, _ = self.run(np.zeros((self.chunk_frames, NUM_BINS), np.float32), self.initial_state())
        except Exception as error:
            raise ModelError(
                f"{self.path}: the graph does not run ({str(error).strip().splitlines()[0][:200]}); an upstream "
                "`-mobile` export is mended by `kwsctl models repair`"
            ) from error
        if frames.shape[0] != self.output_frames or not np.isfinite(frames).all():
            raise ModelError(
                f"{self.path}: one chunk gives {frames.shape}, expected {self.output_frames} finite frames"
            )
        return int(frames.shape[1])


class EncoderStream:
    """The state of one stream. `reset()` forgets everything heard; nothing else does, silence least of all."""

    def __init__(self, encoder: Encoder) -> None:
        """A stream that has heard nothing."""
        self._encoder = encoder
        self.reset()

    def reset(self) -> None:
        """Start over, as if the stream had heard nothing."""
        self._state = self._encoder.initial_state()

    def step(self, fbank: NDArray[np.float32]) -> NDArray[np.float32] | None:
        """One chunk (T, 80) → frames (8, C); None when they are not finite, and the state then starts over.

        Without that restart, two bad feature frames leave every later chunk NaN for ever.
        """
        frames, self._state = self._encoder.run(fbank, self._state)
        if np.isfinite(frames).all():
            return frames
        self.reset()
        return None
