"""Windows of a second over sound of any length, and `kwsctl classify` as a process."""

import json
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import soundfile
from hypothesis import given, settings
from hypothesis import strategies as st

from kwsd.commands12.classify import WINDOW_SAMPLES, classify
from kwsd.commands12.model import find_model
from kwsd.timebase import SAMPLE_RATE
from testkit.commands import KWSCTL, run
from testkit.spoken import spoken, with_gaps

MODEL = find_model("ds-cnn")
SOUND = np.random.default_rng(1).normal(0, 0.01, 3 * SAMPLE_RATE).astype(np.float32)


@settings(max_examples=15)
@given(length=st.integers(1, 3 * SAMPLE_RATE), cuts=st.lists(st.integers(0, 3 * SAMPLE_RATE), max_size=6))
def test_cuts_make_no_difference_and_every_sample_is_in_a_window(length: int, cuts: list[int]) -> None:
    sound = SOUND[:length]
    whole = list(classify(MODEL, [sound]))
    assert list(classify(MODEL, np.split(sound, sorted(cut for cut in cuts if cut < length)))) == whole
    assert whole[0].start == 0
    assert whole[-1].end == pytest.approx(length / SAMPLE_RATE, abs=1e-6)
    assert all(later.start <= earlier.end for earlier, later in pairwise(whole))


def test_no_sound_has_no_windows() -> None:
    assert list(classify(MODEL, [])) == list(classify(MODEL, [SOUND[:0]])) == []


@pytest.mark.parametrize("engine", ["ds-cnn", "nc-ssm"])
def test_a_word_is_told_with_all_twelve_probabilities(tmp_path: Path, engine: str) -> None:
    """1. A clip says yes. Result: one line of JSON, yes the likeliest, probabilities that add up to one."""
    word = spoken("yes")[:WINDOW_SAMPLES]
    soundfile.write(tmp_path / "yes.wav", word, SAMPLE_RATE)
    done = run(KWSCTL, "classify", "yes.wav", "--json", "--engine", engine, home=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    (line,) = done.stdout.splitlines()
    found = json.loads(line)
    assert found["label"] == "yes"
    assert len(found["probabilities"]) == 12
    assert sum(found["probabilities"].values()) == pytest.approx(1, abs=0.01)


def test_longer_sound_is_a_table_with_the_words_in_it_and_a_picture(tmp_path: Path) -> None:
    fonts = {"MPLCONFIGDIR": pytest.importorskip("matplotlib").get_cachedir()}  # gathering them takes a minute at worst
    soundfile.write(tmp_path / "two.wav", with_gaps("yes", "off"), SAMPLE_RATE)
    done = run(KWSCTL, "classify", "two.wav", "--plot", "two.png", home=tmp_path, environ=fonts)
    assert (done.returncode, done.stderr) == (0, "")
    likeliest = [line.split(" s ")[2].split()[0] for line in done.stdout.splitlines()]
    assert {"yes", "off"} <= set(likeliest)
    assert (tmp_path / "two.png").read_bytes().startswith(b"\x89PNG")


def test_a_picture_without_a_name_is_named_like_its_sound(tmp_path: Path) -> None:
    """1. Two clips, the second in another folder. 2. One from standard input. Result: a picture of each here."""
    fonts = {"MPLCONFIGDIR": pytest.importorskip("matplotlib").get_cachedir()}
    (tmp_path / "other").mkdir()
    for name in ("one.wav", "other/two.wav"):
        soundfile.write(tmp_path / name, SOUND, SAMPLE_RATE)
    done = run(KWSCTL, "classify", "one.wav", "other/two.wav", "--plot", home=tmp_path, environ=fonts)
    assert (done.returncode, done.stderr) == (0, "")
    piped = run(
        KWSCTL, "classify", "-", "--plot", home=tmp_path, environ=fonts, stdin=(tmp_path / "one.wav").read_bytes()
    )
    assert (piped.returncode, piped.stderr) == (0, "")
    assert sorted(path.name for path in tmp_path.glob("*.png")) == ["one.png", "stdin.png", "two.png"]


def test_a_file_without_sound_has_no_picture_and_the_others_have(tmp_path: Path) -> None:
    fonts = {"MPLCONFIGDIR": pytest.importorskip("matplotlib").get_cachedir()}
    for name, sound in (("empty.wav", SOUND[:0]), ("one.wav", SOUND)):
        soundfile.write(tmp_path / name, sound, SAMPLE_RATE)
    done = run(KWSCTL, "classify", "empty.wav", "one.wav", "--plot", home=tmp_path, environ=fonts)
    assert (done.returncode, done.stderr.splitlines()[-1]) == (3, "kwsctl: empty.wav: there is no sound to draw")
    assert [path.name for path in tmp_path.glob("*.png")] == ["one.png"]


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("absent.wav",), "absent.wav"),
        (("yes.wav", "--hop", "0"), "choose from 0.01 to 60 seconds"),
        (("yes.wav", "yes.wav", "--plot", "a.png"), "--plot FILE.png draws one file"),
        (("a/yes.wav", "b/yes.flac", "--plot"), "--plot would draw a/yes.wav and b/yes.flac into the same yes.png"),
        (("yes.wav", "--plot", "nowhere/a.png"), "cannot be written: there is no folder nowhere"),
        (("yes.wav", "--plot", "a.txt"), "cannot be written: choose one of ."),
    ],
)
def test_what_cannot_be_done_is_one_line(tmp_path: Path, arguments: tuple[str, ...], told: str) -> None:
    soundfile.write(tmp_path / "yes.wav", SOUND, SAMPLE_RATE)
    done = run(KWSCTL, "classify", *arguments, home=tmp_path)
    assert (done.returncode != 0, done.stdout) == (True, "")
    assert told in done.stderr
    assert len(done.stderr.splitlines()) == 1
