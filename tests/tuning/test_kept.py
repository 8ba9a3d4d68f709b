"""Kept frames: encoded once, in pieces of which none is lost, and found as positives by folder, manifest and mark."""

import resource
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import soundfile

from kwsd import Keyword, Model
from kwsd.errors import AudioError, KwsdError
from kwsd.stream import Chunk, Frames
from kwsd.tuning import kept
from kwsd.tuning.hear import listen
from kwsd.tuning.kept import KeptFrames, encoded, recordings, samples_of
from kwsd.tuning.marks import Marks
from kwsd.tuning.material import between_pauses, find_recordings
from testkit.tiny_model import silence, speak

SCENE = np.concatenate([silence(1.0), speak("STOP"), silence(3.0), speak("STOP"), silence(2.0)])


@pytest.fixture(scope="module")
def model(tiny_model_dir: Path) -> Model:
    return Model.load(tiny_model_dir)


def test_a_recording_is_encoded_once_and_heard_as_often_as_one_likes(
    model: Model, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(kept, "PIECE_S", 4.0)
    soundfile.write(tmp_path / "a.wav", SCENE, 16_000)
    frames, advanced = KeptFrames(tmp_path / "work", model), list[int]()
    pieces = frames.keep(tmp_path / "a.wav", advanced.append)
    assert len(pieces) == 2
    assert sum(advanced) == len(SCENE)
    written = [piece.stat().st_mtime_ns for piece in pieces]
    assert frames.keep(tmp_path / "a.wav", advanced.append) == pieces
    assert [piece.stat().st_mtime_ns for piece in pieces] == written
    hits = listen(model, [Keyword("STOP")], frames.read(pieces))["STOP"]
    assert len(hits) == 2
    assert sum(map(samples_of, pieces)) == pytest.approx(len(SCENE), abs=2.5 * 16_000)
    assert {path.stat().st_mode & 0o077 for path in [frames.folder, *pieces]} == {0}


@pytest.mark.parametrize("ends", [KeyboardInterrupt(), KwsdError("the daemon at kwsd.sock has ended")])
def test_what_came_of_a_room_is_kept_whatever_ends_it(
    model: Model, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, ends: BaseException
) -> None:
    """A stream begins in the middle of another and ends in its third piece. All of it is kept and heard."""
    monkeypatch.setattr(kept, "PIECE_S", 3.0)

    def room() -> Iterator[Frames]:
        yield from list(encoded(model, [Chunk(0, SCENE, "")]))[2:]
        raise ends

    frames = KeptFrames(tmp_path / "work", model)
    with pytest.raises(type(ends)):
        list(frames.listened(room(), lambda _samples: None))
    pieces = frames.listened_to()
    assert len(pieces) >= 3
    assert not list(frames.folder.glob("*.part"))
    assert (
        sum(map(samples_of, pieces)) == sum(each.count * 640 for each in encoded(model, [Chunk(0, SCENE, "")])) - 10_240
    )
    assert {piece.stat().st_mode & 0o077 for piece in pieces} == {0}
    assert len(listen(model, [Keyword("STOP")], frames.read(pieces))["STOP"]) == 2


def test_half_a_recording_is_not_taken_for_the_whole(model: Model, tmp_path: Path) -> None:
    """1. Ctrl-C while a recording is encoded. 2. Again: all of it is there, and its second word is heard."""
    soundfile.write(tmp_path / "a.wav", SCENE, 16_000)
    frames = KeptFrames(tmp_path / "work", model)

    def interrupt(_samples: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        frames.keep(tmp_path / "a.wav", interrupt)
    assert list(frames.folder.iterdir()) == []
    pieces = frames.keep(tmp_path / "a.wav", lambda _samples: None)
    assert len(listen(model, [Keyword("STOP")], frames.read(pieces))["STOP"]) == 2


def test_a_full_disk_is_named_and_what_came_is_kept(model: Model, tmp_path: Path) -> None:
    frames = KeptFrames(tmp_path / "work", model)
    room = list(encoded(model, [Chunk(0, SCENE, "")]))
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    try:
        resource.setrlimit(resource.RLIMIT_FSIZE, (10_000, before[1]))
        with pytest.raises(KwsdError, match=r"cannot be written: No space left on device; what was kept before stays"):
            list(frames.listened(iter(room), lambda _samples: None))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    (piece,) = frames.listened_to()
    assert 0 < samples_of(piece) < len(SCENE)


def test_a_note_that_a_full_disk_cut_off_hides_no_recording(model: Model, tmp_path: Path) -> None:
    """1. Encoded; what says so is emptied. 2. Asked again: it is all there."""
    soundfile.write(tmp_path / "a.wav", SCENE, 16_000)
    frames = KeptFrames(tmp_path / "w", model)
    pieces = frames.keep(tmp_path / "a.wav", lambda _samples: None)
    (note,) = frames.folder.glob("*.done")
    note.write_text("")
    assert frames.keep(tmp_path / "a.wav", lambda _samples: None) == pieces != []


def test_what_cannot_be_kept_or_read_is_named(model: Model, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    with pytest.raises(KwsdError, match="cannot be made"):
        KeptFrames(tmp_path / "file", model)
    (tmp_path / "empty").mkdir()
    with pytest.raises(AudioError, match="no recordings"):
        recordings([tmp_path / "empty"])
    with pytest.raises(AudioError, match="is not audio"):
        KeptFrames(tmp_path / "w", model).keep(tmp_path / "file", lambda _samples: None)


def test_positives_are_found_by_folder_manifest_and_mark(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """1. Folders named after phrase or name; another is told. 2. A manifest. 3. Clips, one judged right, one wrong."""
    keywords = [Keyword("lights on", name="lamp"), Keyword("stop")]
    for name in (
        "said/lights_on/1.wav",
        "said/Lamp/2.wav",
        "said/other/3.wav",
        "clips/a-1-stop.wav",
        "clips/b-2-stop.wav",
    ):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        soundfile.write(tmp_path / name, SCENE[:8000], 16_000)
    (tmp_path / "m.tsv").write_text("path\tkeyword\nsaid/other/3.wav\tSTOP\nx.wav\tnothing\n")
    marks = Marks(tmp_path / "clips")
    marks.set(tmp_path / "clips" / "a-1-stop.wav", "right")
    marks.set(tmp_path / "clips" / "b-2-stop.wav", "wrong")
    found = find_recordings([tmp_path / "said", tmp_path / "m.tsv", tmp_path / "clips"], keywords)
    told = [(each.path.name, each.keyword, each.right) for each in found]
    assert sorted(told) == [
        ("1.wav", "lamp", True),
        ("2.wav", "lamp", True),
        ("3.wav", "stop", True),
        ("a-1-stop.wav", "stop", True),
        ("b-2-stop.wav", "stop", False),
    ]
    assert caplog.messages == [f"{tmp_path}/said/other: no keyword is called so; 1 recordings are left out"]
    (chunk,) = between_pauses(tmp_path / "clips" / "a-1-stop.wav")
    assert len(chunk.samples) == 8000 + 2 * 12_800


@pytest.mark.parametrize("content", [None, "", "name\tkeyword\n", "path\tkeyword\nx.wav\tnothing\n"])
def test_what_has_no_positives_is_named(tmp_path: Path, content: str | None) -> None:
    if content is not None:
        (tmp_path / "m.tsv").write_text(content)
    with pytest.raises(KwsdError, match=r"m\.tsv: "):
        find_recordings([tmp_path / "m.tsv"], [Keyword("stop")])


def test_marks_are_private_whole_and_forgotten_with_their_clips(tmp_path: Path) -> None:
    (tmp_path / "a.wav").write_text("x")
    (tmp_path / "b.wav").write_text("x")
    marks = Marks(tmp_path)
    marks.set(tmp_path / "a.wav", "right")
    marks.set(tmp_path / "b.wav", "wrong")
    (tmp_path / "a.wav").unlink()
    marks.set(tmp_path / "b.wav", "right")
    assert Marks(tmp_path).of(tmp_path / "a.wav") is None
    assert Marks(tmp_path).of(tmp_path / "b.wav") == "right"
    assert (tmp_path / ".marks.json").stat().st_mode & 0o777 == 0o600
    (tmp_path / "c.wav").write_text("x")
    Marks(tmp_path).set(tmp_path / "c.wav", "wrong")  # by the page, while `kwsctl review` is at it
    marks.set(tmp_path / "b.wav", "wrong")
    assert (marks.of(tmp_path / "c.wav"), Marks(tmp_path).of(tmp_path / "c.wav")) == ("wrong", "wrong")
    (tmp_path / ".marks.json").write_text("[")
    with pytest.raises(KwsdError, match="delete it"):
        Marks(tmp_path)
