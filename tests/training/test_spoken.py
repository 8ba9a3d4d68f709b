"""What machines spoke for training is never packed under another text."""

import csv
from pathlib import Path

import numpy as np
import pytest

from training.zipformer.data.records import synthetic
from training.zipformer.data.spoken import Saying, speak_into


def _texts(folder: Path) -> dict[str, str]:
    return {row.path.name: row.text for row in synthetic(folder)}


def _saying(text: str, said: list[str]) -> Saying:
    def say(_: Path) -> np.ndarray:
        if text == "FAILS":
            raise RuntimeError(text)
        said.append(text)
        return np.zeros(1600, np.float32)

    return Saying(text, "a/voice", "160 50", "CC0", say)


def _all(texts: str, said: list[str]) -> list[Saying]:
    return [_saying(text, said) for text in texts.split()]


def test_another_list_in_the_same_folder_is_spoken_anew(tmp_path: Path) -> None:
    said: list[str] = []
    speak_into(tmp_path, _all("HELLO WORLD", said), "speaks")
    before = _texts(tmp_path)
    speak_into(tmp_path, _all("WORLD AGAIN HELLO WORLD", said), "speaks")
    after = _texts(tmp_path)
    assert said == ["HELLO", "WORLD", "AGAIN"]  # what is there is kept, once each
    assert sorted(after.values()) == ["AGAIN", "HELLO", "WORLD"]
    assert all(after[name] == text for name, text in before.items())


def test_stopped_half_way_it_can_be_packed_and_goes_on(tmp_path: Path) -> None:
    said: list[str] = []
    with pytest.raises(RuntimeError):
        speak_into(tmp_path, _all("ONE TWO FAILS THREE", said), "speaks")
    assert sorted(_texts(tmp_path).values()) == ["ONE", "TWO"]
    assert all((tmp_path / name).exists() for name in _texts(tmp_path))
    with (tmp_path / "manifest.tsv").open() as lines:
        assert next(csv.reader(lines, delimiter="\t")) == ["path", "split", "voice", "text", "licence"]
