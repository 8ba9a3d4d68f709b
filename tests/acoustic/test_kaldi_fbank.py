"""Features for as long as a daemon lives: the library counts frames in 32 bits, a stream of ours does not."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from kwsd.acoustic import kaldi_fbank
from kwsd.acoustic.kaldi_fbank import KaldiFbank

CHUNK, SHIFT = 45, 32


def sound(samples: int) -> NDArray[np.float32]:
    """Noise that rises and falls, so that every frame is another."""
    ramp = 0.1 + 0.1 * np.sin(np.arange(samples) / 3000)
    return (np.random.default_rng(7).normal(0, 0.1, samples) * ramp).astype(np.float32)


def chunks(pieces: list[NDArray[np.float32]]) -> NDArray[np.float32]:
    features = KaldiFbank(CHUNK, SHIFT)
    return np.array([chunk for piece in pieces for chunk in features.accept(piece)])


@settings(max_examples=30)
@given(st.lists(st.integers(0, 48_000), max_size=12), st.sampled_from([1, 2, 31, 200]))
def test_the_library_may_start_over_at_any_time(cuts: list[int], frames: int) -> None:
    """However often the library's object is exchanged, and however sound is cut: the same features, bit for bit."""
    whole = sound(48_000)
    expected = chunks([whole])
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(kaldi_fbank, "RENEWED_FRAMES", frames)
        assert np.array_equal(chunks(np.split(whole, sorted(cuts))), expected)


def test_the_library_never_counts_far() -> None:
    """Its counter ends at 2^31 frames (248 days): with 1.22 nothing comes any more, 1.23 raises."""
    assert kaldi_fbank.RENEWED_FRAMES * 2 < 2**31
    features = KaldiFbank(CHUNK, SHIFT)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(kaldi_fbank, "RENEWED_FRAMES", 100)
        for _ in range(20):
            list(features.accept(sound(16_000)))
            assert features._online.num_frames_ready < 100 + 2 * 100
