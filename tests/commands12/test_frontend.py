"""The live front end: the pictures of the sheets, frame by frame, however sound arrives."""

import importlib.util
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kwsd.commands12 import frontend
from kwsd.commands12.pictures import FrameStream
from kwsd.timebase import SAMPLE_RATE

SOUND = (np.random.default_rng(3).standard_normal(2 * SAMPLE_RATE) * 0.1).astype(np.float32)


def blocks_of(pieces: list[np.ndarray], block_frames: int) -> np.ndarray:
    stream = FrameStream(block_frames)
    return np.concatenate([block for piece in pieces for block in stream.accept(piece)])


@settings(max_examples=25, deadline=None)
@given(cuts=st.lists(st.integers(0, len(SOUND)), max_size=12), block_frames=st.sampled_from([1, 10, 16]))
def test_any_split_gives_the_same_bits(cuts: list[int], block_frames: int) -> None:
    whole = blocks_of([SOUND], block_frames)
    pieces = np.split(SOUND, sorted(cuts))
    assert np.array_equal(whole, blocks_of(pieces, block_frames))


def test_streamed_frames_are_those_of_the_whole() -> None:
    streamed = blocks_of(np.array_split(SOUND, 7), 16)
    whole = frontend.pixels(frontend.mel_power(SOUND))[: len(streamed)]
    assert len(streamed) == 192
    np.testing.assert_allclose(streamed, whole, atol=1e-3)


def test_pixels_and_powers_are_inverse() -> None:
    grey = np.linspace(1, 254, 500, dtype=np.float32)
    np.testing.assert_allclose(frontend.pixels(frontend.powers(grey)), grey, atol=1e-3)


def test_a_short_clip_lies_in_the_middle_of_zeros() -> None:
    picture = frontend.clip_picture(SOUND[: 480 + 160 * 9])
    assert picture.shape == (98, 40)
    assert (picture[44:54] > 0).all()
    assert not picture[:44].any()
    assert not picture[54:].any()


@pytest.mark.parametrize("size", [0, 1, 479])
def test_less_than_a_window_is_padded_to_one(size: int) -> None:
    assert frontend.clip_picture(SOUND[:size]).shape == (98, 40)


def test_pictures_are_those_of_the_shared_front_end(shared_dir: Path) -> None:
    path = shared_dir / "speech_commands" / "frontend.py"
    spec = importlib.util.spec_from_file_location("shared_frontend", path)
    assert spec is not None
    assert spec.loader is not None
    theirs = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(theirs)
    for size in (SAMPLE_RATE, 9000, 700):
        wanted = theirs.mel_image(SOUND[:size] * 32768.0)
        np.testing.assert_allclose(frontend.clip_picture(SOUND[:size]), wanted, atol=0.01)
