"""What is made around a trained model: rows that measure it, settings tuned for it, its description, its demo."""

import math
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from kwsd.acoustic.model import Model
from kwsd.keywords.keyword import Keyword
from kwsd.models.description import read_description
from kwsd.models.install import verify
from kwsd.search.settings import SearchSettings
from kwsd.spotters.library import SampleSpotter
from measure.scoring import Hit, Label
from testkit.phone_model import build_phone_model, say
from testkit.tiny_model import silence
from training.zipformer import tune as tuning
from training.zipformer.data.pack import Clip
from training.zipformer.data.records import Recording
from training.zipformer.data.trials import Row, Trial
from training.zipformer.description import describe, write_search
from training.zipformer.evaluate import MARKS, score, settings_of, write_into
from training.zipformer.hearing import Heard, hear
from training.zipformer.sources import Source, _name, by_licence, table

LIGHTS, DOG = "L AY T S AO N", "D AO G"


@pytest.fixture
def model_dir(tmp_path: Path) -> Path:
    return build_phone_model(tmp_path / "phones")


def anywhere(*phrases: str) -> tuple[Label, ...]:
    return tuple(Label(0.0, math.inf, phrase) for phrase in phrases)


def trial(phones: str, *phrases: str) -> Trial:
    sound = say(phones) if phones else silence(3.0)
    return Trial(lambda: sound, anywhere(*phrases))


ROW = Row(("LIGHTS ON", "DOG"), (trial(LIGHTS, "LIGHTS ON"), trial("", "DOG"), trial(DOG), trial("K AE T")))
"""One found, one missed, one false, one rightly passed over."""


def test_replayed_frames_change_nothing(model_dir: Path, tmp_path: Path) -> None:
    """1. Record. 2. Play. 3. Compare with a plain spotter: the same hits, to the last digit."""
    model = Model(model_dir)
    first = hear(model, ROW, SearchSettings(), tmp_path / "rows.frames")
    again = hear(model, ROW, SearchSettings(), tmp_path / "rows.frames")
    assert first == again
    plain = [plainly(model, row_trial) for row_trial in ROW.trials]
    assert [[(hit.phrase, hit.time_s, hit.score) for hit in heard.hits] for heard in first] == plain
    assert [len(hits) for hits in plain] == [1, 0, 1, 0]


def plainly(model: Model, row_trial: Trial) -> list[tuple[str, float, float]]:
    spotter = SampleSpotter(model, [Keyword(phrase) for phrase in ROW.phrases], SearchSettings())
    return [(d.phrase, d.end, d.score) for d in [*spotter.accept(row_trial.read()), *spotter.finish()]]


def test_the_score_of_a_row(model_dir: Path, tmp_path: Path) -> None:
    found = score(ROW, hear(Model(model_dir), ROW, SearchSettings(), tmp_path / "rows.frames"))
    assert (dict(found.found), dict(found.total), found.false) == ({"LIGHTS ON": 1}, {"LIGHTS ON": 1, "DOG": 1}, 1)
    assert (found.recall, found.false_per_trial) == (0.5, 0.25)
    assert found.hours == pytest.approx(sum(len(t.read()) for t in ROW.trials) / 16_000 / 3600)


def test_a_phrase_said_once_and_heard_twice_is_a_false_alarm() -> None:
    row = Row(("DOG",), (trial(DOG, "DOG"),))
    heard = [Heard((Hit("DOG", 1.0, 1.0), Hit("DOG", 2.0, 2.0)), 3.0)]
    assert score(row, heard).false == 1


def test_a_model_is_measured_at_its_own_settings_but_for_overrides(model_dir: Path) -> None:
    write_search(model_dir / "model.toml", {"boost": 0.5, "threshold": 0.3})
    settings = settings_of(Model(model_dir), {"threshold": 0.8})
    assert (settings.boost, settings.threshold, settings.beam) == (0.5, 0.8, SearchSettings().beam)


@pytest.fixture
def small_rows(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Three rows of two trials: one found, one missed, and no false alarm."""
    quiet = Row(ROW.phrases, ROW.trials[:2])
    rows: dict[str, Callable[..., Row]] = {name: lambda *_: quiet for name in ("words", "wakewords", "commands")}
    monkeypatch.setattr(tuning, "ROWS", rows)
    monkeypatch.setattr(tuning, "WORK", tmp_path / "work")


@pytest.mark.usefixtures("small_rows")
def test_tuning_writes_what_it_chose_and_draws_it(model_dir: Path, tmp_path: Path) -> None:
    pytest.importorskip("matplotlib", reason="the picture needs it")
    tuning.tune(model_dir, tmp_path, 0, tuning.Grid((0.0, 1.5), (-6.25,), (-0.5,), (-3.0,), (0.2,)))
    chosen = read_description(model_dir).search
    assert chosen.boost in {0.0, 1.5}
    assert chosen.threshold in tuning.THRESHOLDS
    assert (chosen.min_margin, chosen.margin_per_token, chosen.alone_margin) == (-6.25, -0.5, -3.0)
    assert chosen.running_threshold == 0.2
    assert (model_dir / "curve.png").stat().st_size > 1000


@pytest.mark.usefixtures("small_rows")
def test_tuning_refuses_a_model_that_only_raises_false_alarms(
    model_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    always = Row(("DOG",), (trial(DOG),))
    monkeypatch.setattr(tuning, "ROWS", {"words": lambda *_: always, "wakewords": lambda *_: always})
    monkeypatch.setattr(tuning, "THRESHOLDS", (0.1, 0.2))
    with pytest.raises(ValueError, match="every point has too many false alarms"):
        tuning.tune(model_dir, tmp_path, 0, tuning.Grid((0.0,), (-6.25,), (0.0,), (0.0,)))
    assert not (model_dir / "model.toml").exists()


def test_a_description_holds_for_the_files_until_one_changes(model_dir: Path) -> None:
    """1. Tune. 2. Describe: the settings stay. 3. Change a file: verify names it. 4. The card may change."""
    write_search(model_dir / "model.toml", {"threshold": 0.35})
    describe(model_dir, name='a "b"', version="1", about="tones", licence="Apache-2.0", sources=("x (CC0): 1 h", "y"))
    found = read_description(model_dir)
    assert (found.name, found.search.threshold, found.training_data) == ('a "b"', 0.35, ("x (CC0): 1 h", "y"))
    assert set(found.sha256) == {path.name for path in model_dir.iterdir()} - {"model.toml"}
    (model_dir / "README.md").write_text("card")
    assert verify(model_dir) == []
    shutil.copy(model_dir / "decoder.onnx", model_dir / "joiner.onnx")
    (complaint,) = verify(model_dir)
    assert complaint.startswith(f"{model_dir / 'joiner.onnx'}: has another checksum")


def test_hours_and_speakers_are_counted_by_licence() -> None:
    found = [
        Source("one", "speech", "CC0 1.0", 10, 1.5, frozenset({"a", "b"})),
        Source("two", "speech", "CC0 1.0", 5, 0.25, frozenset({"b", "c"})),
        Source("fan", "noise", "MIT", 1, 0.5, frozenset()),
    ]
    assert table(by_licence(found)).splitlines()[2:] == [
        "| speech | CC0 1.0 | 1.75 | 3 | one, two |",
        "| noise | MIT | 0.50 | – | fan |",
    ]
    assert str(found[0]) == "speech, CC0 1.0: 1.50 h, 2 speakers (one)"


def test_packed_clips_find_the_licence_of_their_manifest() -> None:
    for split, expected in (("train", "corpus"), ("noise", "speaker")):
        recording = Recording(Path("x"), split, "corpus", "speaker", "")
        assert _name(recording) == _name(Clip(0, 1, split, "corpus", "speaker", "")) == expected


def test_the_table_goes_into_the_card_again_and_again(tmp_path: Path) -> None:
    card = tmp_path / "README.md"
    card.write_text("\n".join(["# card", *MARKS, "## Limits"]))
    for number in ("1", "2"):
        write_into(card, ["| row |", number])
    assert card.read_text() == "\n".join(["# card", MARKS[0], "", "| row |", "2", "", MARKS[1], "## Limits"])


def test_the_card_of_the_packaged_model_has_room_for_the_table() -> None:
    card = (Path(__file__).parents[2] / "models" / "kwsd-en" / "README.md").read_text(encoding="utf-8")
    assert [card.count(mark) for mark in MARKS] == [1, 1]
