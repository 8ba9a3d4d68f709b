"""Kaldi's own fbank behind the face of `kwsd.acoustic.fbank`, which is held against it. Imports kaldi_native_fbank.

Slower, for samples go over in a list and come back frame by frame; `kwsd.acoustic.stream` says which one is taken.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from kwsd.acoustic.fbank import HIGHEST_HZ, NUM_BINS
from kwsd.timebase import FBANK_SHIFT_SAMPLES, SAMPLE_RATE

SLICE_SAMPLES = SAMPLE_RATE  # copied into a list at a time, so that memory does not follow the caller
RENEWED_FRAMES = 1 << 20  # 3 h; the library counts frames in 32 bits, so it is made anew long before they end


def _online_fbank() -> Any:
    import kaldi_native_fbank  # noqa: PLC0415 - a megabyte, which most streams do without

    options = kaldi_native_fbank.FbankOptions()
    options.frame_opts.samp_freq = SAMPLE_RATE
    options.frame_opts.dither = 0.0
    options.frame_opts.snip_edges = False
    options.mel_opts.num_bins = NUM_BINS
    options.mel_opts.high_freq = HIGHEST_HZ
    return kaldi_native_fbank.OnlineFbank(options)


class KaldiFbank:
    """Streaming features that hand out overlapping segments. What it gives does not depend on how sound is split."""

    def __init__(self, segment_frames: int, shift_frames: int) -> None:
        """`segment_frames` per segment (T, 45 upstream), of which `shift_frames` are new in each (32 upstream)."""
        self._segment_frames = segment_frames
        self._shift_frames = shift_frames
        self.reset()

    def reset(self) -> None:
        """Forget all sound."""
        self._online = _online_fbank()
        self._next = 0  # first frame not yet copied out, as the library's object counts
        self._tail = np.empty(0, np.float32)  # sound from one frame before that one on
        self._frames = np.empty((0, NUM_BINS), np.float32)

    def accept(self, samples: NDArray[np.float32]) -> Iterator[NDArray[np.float32]]:
        """Take samples (n,) and yield every segment (segment_frames, 80) that they complete."""
        for start in range(0, len(samples), SLICE_SAMPLES):
            if self._next >= RENEWED_FRAMES:
                self._online = _online_fbank()
                self._online.accept_waveform(SAMPLE_RATE, self._tail.tolist())
                self._online.pop(1)  # frame 0, which alone is made of sound mirrored at the beginning
                self._next = 1
            part = samples[start : start + SLICE_SAMPLES]
            self._online.accept_waveform(SAMPLE_RATE, part.tolist())
            self._tail = np.concatenate([self._tail, part])
            ready = self._online.num_frames_ready
            if ready == self._next:
                continue
            # np.array copies, which it must: a frame is a view into memory that pop() frees
            new = np.array([self._online.get_frame(frame) for frame in range(self._next, ready)], np.float32)
            self._frames = np.concatenate([self._frames, new])
            self._online.pop(ready - self._next)
            self._tail = self._tail[FBANK_SHIFT_SAMPLES * (ready - max(self._next, 1)) :]
            self._next = ready
            while len(self._frames) >= self._segment_frames:
                yield self._frames[: self._segment_frames]
                self._frames = self._frames[self._shift_frames :]

    def ahead(self) -> NDArray[np.float32]:
        """Frames (T, 80) that are complete and behind the last segment."""
        return self._frames[self._segment_frames - self._shift_frames :]
