"""Training of the 12-class models on made-up pictures: augmentation, resumption, the verdict. Needs torch."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from kwsd.commands12.classify import clip_engine, clip_posteriors  # noqa: E402
from kwsd.commands12.model import read_bundle  # noqa: E402
from measure.accuracy import Figures, classify, figures  # noqa: E402
from measure.commands import LABELS, WORDS, class_of, commands_in  # noqa: E402
from training import precision  # noqa: E402
from training.commands12 import __main__ as command  # noqa: E402 - torch decides whether any of this is run
from training.commands12 import confusions, stages  # noqa: E402
from training.commands12.augment import Augmenter, AugmentSettings, shifted, to_pixels, to_power  # noqa: E402
from training.commands12.bank import Bank  # noqa: E402
from training.commands12.curves import read as read_curves  # noqa: E402
from training.commands12.models.registry import RECIPES, Recipe  # noqa: E402
from training.commands12.plan import EpochMix, epoch_rows  # noqa: E402
from training.commands12.restore import mean_of  # noqa: E402
from training.commands12.sheets import Sheets  # noqa: E402
from training.commands12.signs import commands_said_alone, weigh  # noqa: E402
from training.commands12.teachers import posteriors  # noqa: E402
from training.commands12.thresholds import HIGHEST, lowest  # noqa: E402
from training.commands12.train import PRIOR_PART, Job, Report, Trainer, priors, rate  # noqa: E402
from training.commands12.validation import Validation, predict  # noqa: E402
from training.precision import autocast  # noqa: E402

BUNDLE = command.BUNDLE
pytestmark = pytest.mark.training
torch.set_num_threads(1)  # the layers are small: a second thread only waits


def made_up_bank(per_class: int = 8) -> Bank:
    """Each class is a bright band of its own."""
    labels = np.repeat(np.arange(len(LABELS)), per_class)
    pictures = np.full((len(labels), 98, 40), 20, np.uint8)
    for row, label in enumerate(labels):
        pictures[row, 30:70, 3 * label : 3 * label + 3] = 180
    coded = np.arange(len(labels)) % 2 == 0
    return Bank(
        pictures=pictures,
        labels=labels,
        coded=coded,
        noise=np.full((4, 98, 40), 90, np.uint8),
        rooms=np.eye(1, 24, dtype=np.float32),
        validation=pictures[::per_class],
        validation_labels=labels[::per_class],
    )


def recipe() -> Recipe:
    return replace(RECIPES["nc-ssm-5k"], batch=16)


def job(folder: Path, epochs: int) -> Job:
    return Job(folder, epochs, mix=EpochMix(live=40, other_words=4, speech=4, silence=8))


class Killed(Exception):  # noqa: N818 - it stands for SIGKILL
    """Ends a run without a word."""


def test_a_killed_run_goes_on_as_if_nothing_had_happened(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """1. One run to its end. 2. Another is killed between two checkpoints. 3. It goes on: the same weights."""
    monkeypatch.setattr("training.commands12.train.CHECKPOINT_STEPS", 3)
    bank = made_up_bank()
    whole = Trainer(bank, recipe(), job(tmp_path / "whole", 2))
    whole.run()

    def kill(report: Report) -> None:
        if report.step == 5:
            raise Killed

    with pytest.raises(Killed):
        Trainer(bank, recipe(), job(tmp_path / "killed", 2)).run(kill)
    again = Trainer(bank, recipe(), job(tmp_path / "killed", 2))
    assert again.progress.step == 3
    again.run()
    for one, other in zip(whole.average.state_dict().values(), again.average.state_dict().values(), strict=True):
        assert torch.equal(one, other)
    lines = [read_curves(tmp_path / name / "curves.csv") for name in ("whole", "killed")]
    assert [line.train_loss for line in lines[0]] == [line.train_loss for line in lines[1]]
    assert [line.epoch for line in lines[0]] == [1, 2]


def test_a_handful_is_learnt(tmp_path: Path) -> None:
    trainer = Trainer(made_up_bank(), replace(recipe(), noise=0.0), job(tmp_path, 10))
    losses: list[float] = []
    trainer.run(lambda report: losses.append(report.loss))
    assert np.mean(losses[-5:]) < 0.75 * np.mean(losses[:5])


def test_weights_that_are_shipped_and_weights_in_training_are_judged_on_the_validation_speakers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """1. Nothing trained yet: only what is exported. 2. A run of two epochs: its last line of the curve, too."""
    bank = made_up_bank()
    monkeypatch.setattr(stages, "load_bank", lambda *_: bank)
    asked = ["validate", "--model", "nc-ssm-5k", "--work", str(tmp_path), "--bundle", str(BUNDLE)]
    assert command.main(asked) == 0
    (first,) = capsys.readouterr().out.splitlines()
    assert first.startswith("exported: clean 0.")
    Trainer(bank, recipe(), job(tmp_path / "nc-ssm-5k", 2)).run()
    assert command.main(asked) == 0
    again, trained, mean = capsys.readouterr().out.splitlines()
    assert mean.startswith("their mean: clean 0.")
    last = read_curves(tmp_path / "nc-ssm-5k" / "curves.csv")[-1]
    assert again == first
    assert f"clean {last.validation_accuracy:.4f} " in trained
    assert f"babble 0 dB {last.validation_in_babble:.4f} " in trained


def test_the_mean_of_two_sets_of_weights_lies_between_them() -> None:
    one, other = (torch.nn.Linear(2, 2) for _ in range(2))
    wanted = (one.weight + other.weight) / 2
    torch.testing.assert_close(mean_of(one, other).weight, wanted)


def test_the_mean_recall_counts_every_class_once() -> None:
    bank = replace(made_up_bank(), validation=np.zeros((4, 98, 40), np.uint8), validation_labels=np.array([2, 2, 2, 3]))
    always_yes = torch.nn.Sequential(torch.nn.AvgPool2d((98, 40)), torch.nn.Flatten(), torch.nn.Linear(1, 12))
    with torch.no_grad():
        always_yes[2].weight.zero_()
        always_yes[2].bias.copy_(torch.eye(12)[2])
    quiet, noisy = Validation(bank).judge(always_yes)
    assert (quiet.accuracy, quiet.recall) == (noisy.accuracy, noisy.recall) == (0.75, 0.5)


@pytest.mark.parametrize("name", ["nc-ssm-5k", "ds-cnn-s", "bc-resnet-1"])
def test_a_run_begins_from_an_exported_file(name: str, tmp_path: Path) -> None:
    """1. The shipped file is taken. 2. A run begins from it. Result: it says what the file says."""
    bank, file = made_up_bank(), BUNDLE / f"{name}.onnx"
    trainer = Trainer(bank, RECIPES[name], replace(job(tmp_path, 1), begin=file))
    pictures = bank.validation.astype(np.float32)
    heard = classify(read_bundle(BUNDLE)[name], pictures)
    assert predict(trainer.average, bank.validation).tolist() == heard.tolist()


def test_teachers_say_what_their_files_say_and_are_asked_once(tmp_path: Path) -> None:
    """1. Two shipped files look at a bank. 2. Again. Result: the mean of what they hear, then what was kept."""
    pictures, names = made_up_bank().pictures[::8], ("nc-ssm-5k", "ds-cnn-s")
    taught = posteriors(names, BUNDLE, pictures, tmp_path)
    engines = [clip_engine(read_bundle(BUNDLE)[name]) for name in names]
    heard = [[clip_posteriors(each, picture.astype(np.float32)) for picture in pictures] for each in engines]
    np.testing.assert_allclose(taught.numpy(), np.mean(heard, axis=0), atol=0.03)
    for file in tmp_path.iterdir():
        np.save(file, np.load(file)[::-1])
    assert torch.equal(posteriors(names, BUNDLE, pictures, tmp_path), taught.flip(0))


def test_what_the_teachers_say_is_part_of_the_target(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """1. A teacher takes all for `go`; one of two runs hears it. Result: that one says `go` more often."""
    go = torch.nn.functional.one_hot(torch.full((96,), LABELS.index("go")), len(LABELS)).float()
    monkeypatch.setattr("training.commands12.train.posteriors", lambda *_: go)
    found = []
    for name, teachers in (("taught", ("ds-cnn",)), ("alone", ())):
        trainer = Trainer(made_up_bank(), recipe(), replace(job(tmp_path / name, 4), teachers=teachers))
        trainer.run()
        found.append(predict(trainer.model, made_up_bank().pictures).tolist().count(LABELS.index("go")))
    assert found[0] > found[1]


@pytest.mark.parametrize(
    ("has_it", "name", "used"), [(True, "ds-cnn", True), (False, "ds-cnn", False), (True, "nc-ssm-5k", False)]
)
def test_bfloat16_is_used_where_the_processor_has_it_and_the_recipe_allows_it(
    has_it: bool, name: str, used: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(precision, "multiplies_bfloat16", lambda _: has_it)
    with autocast("cpu", wanted=RECIPES[name].bfloat16):
        assert torch.is_autocast_enabled("cpu") == used


def test_powers_and_pixels_are_inverse() -> None:
    grey = torch.linspace(1, 254, 200)
    torch.testing.assert_close(to_pixels(to_power(grey)), grey, atol=1e-2, rtol=0)


def test_a_shift_moves_and_fills_with_what_is_at_the_edge() -> None:
    power = torch.arange(98.0).view(1, 98, 1).expand(2, 98, 40)
    moved = shifted(power, torch.tensor([10, -10]))[:, :, 0].tolist()
    assert moved[0] == [*range(10, 0, -1), *range(88)]
    assert moved[1] == [*range(10, 98), *range(96, 86, -1)]


def test_noise_is_mixed_at_the_ratio_asked_for() -> None:
    settings = AugmentSettings(
        shift_frames=0, gain_db=0.0, noise_probability=1.0, snr_db=(0.0, 0.0), room_probability=0.0, coding_levels=0.0
    )
    bank = made_up_bank()
    rows = torch.arange(16, 40)
    clean = to_power(torch.from_numpy(bank.pictures[16:40]).float())
    grey, labels = Augmenter(bank, settings, torch.device("cpu")).batch(rows, torch.Generator().manual_seed(1), False)
    added = to_power(grey) - clean
    sounding = clean.amax(dim=2) > 500.0
    ratio = clean[sounding].mean() / added[sounding].mean()
    assert 10 * torch.log10(ratio) == pytest.approx(0.0, abs=0.5)
    assert labels.tolist() == bank.labels[16:40].tolist()


def test_one_seed_is_one_batch() -> None:
    augmenter = Augmenter(made_up_bank(), AugmentSettings(), torch.device("cpu"))
    one, other, third = (
        augmenter.batch(torch.arange(20), torch.Generator().manual_seed(s), True)[0] for s in (1, 1, 2)
    )
    assert torch.equal(one, other)
    assert not torch.equal(one, third)
    assert one.min() >= 0
    assert one.max() <= 255


def test_an_epoch_shows_every_keyword_picture_and_balances_the_rest() -> None:
    bank = made_up_bank()
    mix = EpochMix(live=80, other_words=3, speech=5, silence=7)
    rows = epoch_rows(bank, mix, seed=1, epoch=0)
    shown = np.bincount(bank.labels[rows], minlength=12)
    assert shown.tolist() == [7, 8] + [4 + 2 * 4] * 10
    assert rows.tolist() == epoch_rows(bank, mix, seed=1, epoch=0).tolist()
    assert rows.tolist() != epoch_rows(bank, mix, seed=1, epoch=1).tolist()


def test_the_rate_warms_up_and_falls_to_nothing() -> None:
    rates = [rate(step, 4000) for step in range(4000)]
    assert max(rates) == pytest.approx(1.0)
    assert int(np.argmax(rates)) == 199
    assert rates[-1] < 1e-4
    assert np.all(np.diff(rates[200:]) <= 0)


def test_a_class_that_is_shown_more_often_has_to_be_surer() -> None:
    labels = np.repeat(np.arange(12), [5, 40, *[10] * 10])
    found = priors(labels)
    assert found[2:].tolist() == [0.0] * 10
    assert found[1] == pytest.approx(PRIOR_PART * np.log(4.0))
    assert found[0] < 0.0


def test_sound_alikes_count_as_the_command() -> None:
    assert commands_in("I KNOW, RIGHT? TURN-OFF THE LIGHT") == {"no", "right", "off"}
    assert commands_in("A NORTHERN UPPER STOPPER") == set()
    assert [LABELS[class_of(word)] for word in ("go", "marvin")] == ["go", "_unknown_"]


def test_figures_on_a_small_confusion() -> None:
    said, heard = np.array([2, 2, 2, 3]), np.array([2, 2, 3, 3])
    found = figures(said, heard)
    assert found.accuracy == 0.75
    assert found.recall[2] == pytest.approx(2 / 3)
    assert found.precision[3] == 0.5
    assert found.f1[2] == pytest.approx(0.8)


@pytest.mark.parametrize(("right", "status"), [(98, 0), (90, 1)])
def test_evaluate_ends_with_its_verdict(
    right: int, status: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    confusion = np.zeros((12, 12), np.int64)
    confusion[2, 2], confusion[2, 3] = right, 100 - right
    monkeypatch.setattr(stages, "exported", lambda _: None)
    monkeypatch.setattr(stages, "test_clips", lambda _: [])
    monkeypatch.setattr(stages, "measure", lambda *_: Figures(confusion))
    assert command.main(["evaluate", "--model", "ds-cnn", "--bundle", str(tmp_path)]) == status
    told = capsys.readouterr().out
    assert f"accuracy 0.{right}00" in told
    assert "required 0.9630" in told
    assert confusions.read(tmp_path)["ds-cnn"].confusion.tolist() == confusion.tolist()


def test_every_word_has_a_class() -> None:
    assert len(LABELS) == 12
    assert [LABELS[class_of(word)] for word in WORDS] == list(WORDS)


@pytest.mark.parametrize(
    ("scores", "most", "threshold"),
    [([], 0, 0.4), ([0.5], 1, 0.4), ([0.5, 0.421, 0.7], 1, 0.51), ([0.5, 0.421, 0.7], 2, 0.43), ([0.999], 0, 0.98)],
)
def test_the_threshold_is_the_lowest_that_few_false_alarms_pass(
    scores: list[float], most: int, threshold: float
) -> None:
    found = lowest(scores, most)
    assert found == threshold
    assert sum(score >= found for score in scores) <= most or found == HIGHEST


def test_signs_are_weighed_so_that_commands_stay_and_speech_goes() -> None:
    dice = np.random.default_rng(4)
    commands = dice.normal((2, -2, 0, 5, 0, 0), 1, (400, 6)).astype(np.float32)
    others = dice.normal((0, 0, -3, 1, 0, 0), 1, (200, 6)).astype(np.float32)
    found = weigh(commands, others, 2, 0)
    assert int((others @ found.weights >= found.bias).sum()) == 2
    assert found.recall > 0.98
    assert found.weights[0] > 0 > found.weights[1]


def test_the_bias_is_as_strict_as_the_wanted_recall_allows() -> None:
    dice = np.random.default_rng(4)
    commands, others = (dice.normal(middle, 1, (400, 8)).astype(np.float32) for middle in (0.4, -0.4))
    loose, strict, least = (weigh(commands, others, most, wanted) for most, wanted in ((8, 0), (8, 200), (1, 390)))
    assert round(strict.recall * 400) == pytest.approx(200, abs=1)
    assert int((others @ strict.weights >= strict.bias).sum()) < 8
    assert loose.bias < strict.bias
    assert least.bias == weigh(commands, others, 1, 0).bias


def test_commands_lie_where_they_are_said_to_be() -> None:
    pictures = np.full((3, 98, 40), 120, np.uint8)
    pictures[:, :20] = 0
    sheets = Sheets(pictures, ("yes", "tree", "no"), ("validation",) * 3)
    frames, pieces = commands_said_alone(sheets, "validation", 10)
    assert sorted(word for piece in pieces for word in piece.words) == ["no", "yes"]
    for piece in pieces:
        assert (frames[round(piece.start * 100) : round(piece.end * 100)] == 120).all()
        assert round((piece.end - piece.start) * 100) == 78
        assert frames[round(piece.start * 100) - 1].mean() < 100
