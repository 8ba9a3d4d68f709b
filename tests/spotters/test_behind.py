"""Lists that follow a keyword: armed by it, for as long as it says, and only then."""

import json
import subprocess
from pathlib import Path

import numpy as np
import pytest
import soundfile

from kwsd.acoustic.model import Model
from kwsd.events import Detection
from kwsd.keywords.files import read_keyword_file
from kwsd.keywords.keyword import Keyword
from kwsd.spotters.phrases import PhraseSpotter
from kwsd.stream import Chunk, Float32
from testkit.daemons import KWSD
from testkit.letters import letter_tokenizer
from testkit.tiny_model import silence, speak


def heard(model_dir: Path, sound: Float32, keywords: list[Keyword], block: int = 5_120) -> list[tuple[str, float]]:
    spotter = PhraseSpotter(Model.load(model_dir), keywords)
    chunks = (Chunk(at, sound[at : at + block], "") for at in range(0, len(sound), block))
    events = [event for chunk in chunks for event in spotter.push(chunk)]
    return [(e.keyword, e.stream_time) for e in [*events, *spotter.finish()] if isinstance(e, Detection)]


@pytest.fixture
def lists(tmp_path: Path) -> Path:
    (tmp_path / "lights.txt").write_text("turn off @off\n")
    (tmp_path / "wake.toml").write_text('[[keyword]]\nphrase = "hey light"\nthen = "lights.txt"\nthen_s = 3\n')
    return tmp_path


@pytest.mark.parametrize("block", [160, 5_120, 1_000_000])
def test_a_list_is_heard_behind_its_keyword_and_only_there(tmp_path: Path, tiny_model_dir: Path, block: int) -> None:
    """1. A word of the list alone. 2. The keyword and, in one breath, the word. 3. 2 s on: again. 4. Too late."""
    (tmp_path / "lights.txt").write_text("turn off @off\n")
    order = speak("TURN OFF")
    wake = np.concatenate([silence(0.5), order, silence(1.0), speak("HEY LIGHT")])
    in_one_breath = np.concatenate([wake, order, silence(1.0), order, silence(4.0), order, silence(1.5)])
    keyword = Keyword("hey light", name="wake", then=str(tmp_path / "lights.txt"), then_s=3.0)
    told = heard(tiny_model_dir, in_one_breath, [keyword], block)
    assert [label for label, _ in told] == ["wake", "off", "off"]
    assert told[1][1] >= told[0][1]


@pytest.mark.parametrize(("gap_s", "words"), [(0.5, ["wake", "off"]), (1.5, ["wake"])])
def test_a_list_is_let_go_where_the_microphone_was_muted(
    tmp_path: Path, tiny_model_dir: Path, gap_s: float, words: list[str]
) -> None:
    """1. The keyword. 2. The sound stops, as it does at a mute. 3. Soon after: a word of the list.

    Result: behind a mute the keyword is wanted again; a drop-out costs nothing.
    """
    (tmp_path / "lights.txt").write_text("turn off @off\n")
    keyword = Keyword("hey light", name="wake", then=str(tmp_path / "lights.txt"), then_s=10.0)
    spotter = PhraseSpotter(Model.load(tiny_model_dir), [keyword])
    before = np.concatenate([silence(0.5), speak("HEY LIGHT"), silence(1.0)])
    behind = np.concatenate([silence(0.5), speak("TURN OFF"), silence(1.5)])
    told = [*spotter.push(Chunk(0, before, "")), *spotter.push(Chunk(len(before) + int(gap_s * 16_000), behind, ""))]
    assert [event.keyword for event in [*told, *spotter.finish()] if isinstance(event, Detection)] == words


def test_the_file_of_a_list_stands_beside_the_one_that_names_it(lists: Path) -> None:
    (keyword,) = read_keyword_file(lists / "wake.toml", letter_tokenizer()).keywords
    assert (keyword.then, keyword.then_s) == (str(lists / "lights.txt"), 3.0)


@pytest.mark.parametrize(
    ("then", "why"),
    [
        ("missing.txt", "then: "),
        ("empty.txt", "has no usable keyword"),
        ("again.toml", "lists do not follow each other; take it out"),
        ("../above.txt", "lies outside"),
        ("/etc/hostname", "lies outside"),
        ("below/../../above.txt", "lies outside"),
        ("~nobody-at-all/x.txt", "nobody-at-all"),
    ],
)
def test_a_list_that_cannot_be_used_costs_no_keyword(lists: Path, then: str, why: str) -> None:
    """No such file; nothing in it; a list that would follow itself is heard once; what lies elsewhere is not read."""
    (lists.parent / "above.txt").write_text("secret of others :abc\n")
    (lists / "empty.txt").write_text("# nothing\n")
    (lists / "again.toml").write_text('[[keyword]]\nphrase = "turn off"\nthen = "again.toml"\n')
    (lists / "wake.toml").write_text(f'[[keyword]]\nphrase = "hey light"\nthen = "{then}"\n')
    found = read_keyword_file(lists / "wake.toml", letter_tokenizer())
    assert [keyword.phrase for keyword in found.keywords] == ["hey light"]
    told = "\n".join(map(str, found.problems))
    assert why in told
    assert "secret" not in told
    assert str(found.problems[0]).startswith(f"{lists / 'wake.toml'}: keyword 1: then: ")


def test_a_list_that_several_arm_is_judged_once(lists: Path) -> None:
    (lists / "lights.txt").write_text("turn off\nlight on :abc\n")
    tables = [f'[[keyword]]\nphrase = "hey {word}"\nthen = "lights.txt"\n' for word in ("light", "stop", "go")]
    (lists / "wake.toml").write_text("\n".join(tables))
    found = read_keyword_file(lists / "wake.toml", letter_tokenizer())
    assert {keyword.then for keyword in found.keywords} == {str(lists / "lights.txt")}
    assert len(found.problems) == 1


def test_the_command_hears_them_and_tells_what_is_wrong(lists: Path, tiny_model_dir: Path) -> None:
    soundfile.write(lists / "said.wav", np.concatenate([speak("HEY LIGHT"), speak("TURN OFF"), silence(1.5)]), 16_000)
    (lists / "lights.txt").write_text("turn off @off\nlight on :abc\n")
    words = ["--model", tiny_model_dir, "--keywords", lists / "wake.toml", "--input", lists / "said.wav", "--json"]
    done = subprocess.run([KWSD, *map(str, words)], capture_output=True, text=True, check=False)
    assert [json.loads(line)["keyword"] for line in done.stdout.splitlines()] == ["hey light", "off"]
    assert "lights.txt:2: boost" in done.stderr
