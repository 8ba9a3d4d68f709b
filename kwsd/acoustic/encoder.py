"""fbank → encoder frames: a cached-state streaming Zipformer2 (arXiv:2310.11230) exported to ONNX.

Shapes are read from the graph; the metadata gives only T and the advance per call.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path

import numpy as np

from kwsd.acoustic.caches import CacheLayout, IcefallCaches, State
from kwsd.acoustic.compact import CompactCaches
from kwsd.acoustic.fbank import NUM_BINS
from kwsd.acoustic.session import make_session
from kwsd.errors import ModelError
from kwsd.models.directory import COMPACT_LAYOUT, MATRICES, read_graph
from kwsd.stream import Float32
from kwsd.timebase import SUBSAMPLING

REQUIRED_METADATA = ("T", "decode_chunk_len")
QUANTISES_TOGETHER = b"DynamicQuantizeLinear"  # one scale for all streams of a call: a loud one would coarsen the rest


class Encoder:
    """One session, shared by any number of streams; immutable, for the states belong to the streams."""

    def __init__(self, path: Path, int8: Sequence[str] = ()) -> None:
        """Load the graph and run it once; `int8` are kinds of matrices that a compact graph is to multiply so.

        Raises:
            ModelError: not a streaming Zipformer2 export, or its output has the wrong shape or is not finite.
        """
        self.path = path
        self.int8 = tuple(int8)
        """Kinds of matrices, see `kwsd.acoustic.kinds`."""
        text = None
        if int8:
            from kwsd.acoustic.kinds import CompactFile  # noqa: PLC0415 - most machines have none

            text = CompactFile(path).with_int8(int8)
        self._session = make_session(path, text)
        metadata = self._session.get_modelmeta().custom_metadata_map
        missing = [key for key in REQUIRED_METADATA if not metadata.get(key, "").isdecimal()]
        if missing:
            raise ModelError(
                f"{path}: not a streaming Zipformer2 export: metadata lacks {', '.join(missing)} as a number"
            )
        self.segment_frames = int(metadata["T"])
        """fbank frames per call (45 upstream)."""
        self.shift_frames = int(metadata["decode_chunk_len"])
        """fbank frames that each call moves on by (32 upstream: 320 ms)."""
        self.output_frames = self.shift_frames // SUBSAMPLING
        """Encoder frames per call (8 upstream)."""
        self._caches = self._layout(metadata)
        try:
            zeros = np.zeros((self.segment_frames, NUM_BINS), np.float32)
            frames, _ = self.run([zeros], [self.initial_state()])[0]
        except Exception as error:
            raise ModelError(
                f"{self.path}: the graph does not run ({str(error).strip().splitlines()[0][:200]}); an upstream "
                "`-mobile` export is mended by `kwsctl models repair`"
            ) from error
        if frames.shape[0] != self.output_frames or not np.isfinite(frames).all():
            raise ModelError(
                f"{self.path}: one segment gives {frames.shape}, expected {self.output_frames} finite frames"
            )
        self.width = int(frames.shape[1])
        """C, of a frame."""

    def _layout(self, metadata: Mapping[str, str]) -> CacheLayout:
        inputs, outputs = self._session.get_inputs(), self._session.get_outputs()
        if metadata.get("layout") == COMPACT_LAYOUT:
            heads = [int(number) for number in metadata["heads"].split(",")]
            return CompactCaches(inputs[1:], heads, self.output_frames)
        if not IcefallCaches.fits(inputs, outputs):
            raise ModelError(f"{self.path}: inputs and outputs are not those of a streaming Zipformer2 export")
        free = not isinstance(inputs[0].shape[0], int) and QUANTISES_TOGETHER not in read_graph(self.path)
        return IcefallCaches(inputs[1:], stacks=free)

    @property
    def label(self) -> str:
        """For people: its file, and what of it is in int8."""
        return f"{self.path.name} with int8 for {' '.join(self.int8)}" if self.int8 else self.path.name

    @property
    def is_compact(self) -> bool:
        """Whether the graph was written by `kwsd.models.compact`, which costs least."""
        return isinstance(self._caches, CompactCaches)

    @property
    def stacks(self) -> bool:
        """Whether several streams are heard in one call of the graph."""
        return self._caches.stacks

    @property
    def reach_segments(self) -> int:
        """Segments after which nothing is left of what the encoder knew before: from then on it gives the same."""
        inner_frames = self.shift_frames // 2  # of 20 ms
        return -(-self._caches.reach // inner_frames) + 1  # one for the convolutions before all layers

    def initial_state(self) -> State:
        """That of a stream that has heard nothing."""
        return self._caches.initial()

    def run(self, segments: Sequence[Float32], states: Sequence[State]) -> list[tuple[Float32, State]]:
        """A segment (T, 80) and a state of each stream → frames (8, C) and the next state of each.

        One call of the graph where it can hear several streams at once, else one for each.
        """
        if len(segments) > 1 and not self._caches.stacks:
            return [self.run([segment], [state])[0] for segment, state in zip(segments, states, strict=True)]
        if len(segments) == 1 and (alone := self._caches.in_place(self._session, segments[0], states[0])):
            return [alone]
        feeds = self._caches.feeds(states)
        feeds["x"] = segments[0][None] if len(segments) == 1 else np.stack(segments)
        encoder_out, *caches = self._session.run(None, feeds)
        frames = self._caches.frames(encoder_out, len(segments))
        return list(zip(frames, self._caches.split(caches, states), strict=True))

    @cached_property
    def fingerprint(self) -> str:
        """Names the weights, and thereby all that the encoder makes of a sound."""
        matrices = self.path.with_name(MATRICES)
        apart = read_graph(matrices) if self.is_compact and matrices.is_file() else b""
        return hashlib.sha256(read_graph(self.path) + apart + " ".join(self.int8).encode()).hexdigest()[:16]
