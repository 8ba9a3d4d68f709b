"""Sound → log-mel fbank in NumPy, 80 bins every 10 ms, as the upstream models were trained.

Kaldi's features (Povey window, pre-emphasis 0.97, power spectrum, 20 to 7600 Hz) of samples in -1..1, without dither
and with snip_edges off, so that frame f is centred on sample 160 f + 80. `kwsd.acoustic.kaldi_fbank` is the reference.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from kwsd.timebase import FBANK_CENTRE_SAMPLES, FBANK_SHIFT_SAMPLES, SAMPLE_RATE

Floats = NDArray[np.floating]

NUM_BINS = 80
LOWEST_HZ, HIGHEST_HZ = 20.0, 7600.0
WINDOW_SAMPLES = 400
FFT_SAMPLES = 512
PRE_EMPHASIS = np.float32(0.97)
LEAD_SAMPLES = WINDOW_SAMPLES // 2 - FBANK_CENTRE_SAMPLES  # of frame 0 that lie before the sound, which is mirrored
SMALLEST_POWER = np.finfo(np.float32).eps


class Fbank:
    """Streaming features that hand out overlapping segments.

    Each segment is computed by itself as soon as its sound is there, so what it gives does not depend on how sound is
    split. Nothing is counted, so nothing can overflow.
    """

    def __init__(self, segment_frames: int, shift_frames: int) -> None:
        """`segment_frames` per segment (T, 45 upstream), of which `shift_frames` are new in each (32 upstream)."""
        self._segment_frames, self._shift_frames = segment_frames, shift_frames
        self._pieces: list[NDArray[np.float32]] = []
        """Sound not yet used up, from the window of the next new frame on."""
        self._samples = 0  # in the pieces
        self._kept: NDArray[np.float32] | None = None  # frames that the next segment begins with

    def accept(self, samples: NDArray[np.float32]) -> Iterator[NDArray[np.float32]]:
        """Take samples (n,) and yield every segment (segment_frames, 80) that they complete."""
        self._pieces.append(samples.copy())  # the caller may write to it again
        self._samples += len(samples)
        while True:
            is_first = self._kept is None
            new = self._segment_frames if is_first else self._shift_frames
            reach = FBANK_SHIFT_SAMPLES * (new - 1) + WINDOW_SAMPLES
            if self._samples < reach - (LEAD_SAMPLES if is_first else 0):
                return
            sound = np.concatenate(self._pieces)
            if is_first:
                sound = np.concatenate([sound[:LEAD_SAMPLES][::-1], sound])
            frames = log_mel(sound[:reach])
            segment = frames if self._kept is None else np.concatenate([self._kept, frames])
            self._kept = segment[self._shift_frames :]
            rest = sound[FBANK_SHIFT_SAMPLES * new :]
            self._pieces, self._samples = [rest], len(rest)
            yield segment

    def ahead(self) -> NDArray[np.float32]:
        """Frames (T, 80) that are complete and behind the last segment."""
        if self._kept is None or self._samples < WINDOW_SAMPLES:
            return np.empty((0, NUM_BINS), np.float32)
        return log_mel(np.concatenate(self._pieces))


def log_mel(sound: NDArray[np.float32]) -> NDArray[np.float32]:
    """Features of every whole window in some sound: (frames, 80), natural logarithms of energies."""
    frames, step = 1 + (len(sound) - WINDOW_SAMPLES) // FBANK_SHIFT_SAMPLES, sound.itemsize
    strides = (FBANK_SHIFT_SAMPLES * step, step)  # sliding_window_view would take a tenth of the whole
    windows = np.ndarray((frames, WINDOW_SAMPLES), sound.dtype, np.ascontiguousarray(sound), strides=strides)
    centred = windows - windows.mean(axis=1, keepdims=True)
    padded = np.zeros((len(windows), FFT_SAMPLES), np.float32)
    emphasised = padded[:, :WINDOW_SAMPLES]
    np.multiply(centred[:, :-1], -PRE_EMPHASIS, out=emphasised[:, 1:])
    np.multiply(centred[:, 0], -PRE_EMPHASIS, out=emphasised[:, 0])  # as if what comes before were the same
    emphasised += centred
    emphasised *= POVEY
    spectrum = np.fft.rfft(padded)[:, : FFT_SAMPLES // 2]
    power = np.square(spectrum.real) + np.square(spectrum.imag)
    energies = power.astype(np.float32, copy=False) @ MEL_WEIGHTS
    return np.asarray(np.log(np.maximum(energies, SMALLEST_POWER)))


def _mel(hertz: Floats) -> Floats:
    return np.asarray(1127.0 * np.log1p(hertz / 700.0))


def _mel_weights() -> NDArray[np.float32]:
    """Triangles that are straight on the mel scale: (bins of the spectrum, 80)."""
    lowest, highest = _mel(np.array([LOWEST_HZ, HIGHEST_HZ]))
    corners = np.linspace(lowest, highest, NUM_BINS + 2)
    place = _mel(np.arange(FFT_SAMPLES // 2) * (SAMPLE_RATE / FFT_SAMPLES))[:, None]
    rising = (place - corners[:-2]) / (corners[1:-1] - corners[:-2])
    falling = (corners[2:] - place) / (corners[2:] - corners[1:-1])
    return np.asarray(np.maximum(np.minimum(rising, falling), 0.0), np.float32)


POVEY = (np.hanning(WINDOW_SAMPLES) ** 0.85).astype(np.float32)
MEL_WEIGHTS = _mel_weights()
