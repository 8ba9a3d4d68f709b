"""Tiny Audio with parts of random weights: it learns by heart, and what it exports is what transformers expects."""

import io
import json
import os
import random
import shutil
import sys
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

from measure import manifests
from training.tiny_audio.__main__ import main

NEEDED = ("torch", "transformers", "jiwer")
pytestmark = [
    pytest.mark.skipif(not all(map(find_spec, NEEDED)), reason=f"{' or '.join(NEEDED)} is not installed"),
    pytest.mark.timeout(600),  # torch takes its time to load
]
WORDS = ["red", "green", "blue", "light", "door", "on", "off", "up", "down", "go"]
WORD_S = 0.3


@dataclass(frozen=True)
class Trained:
    """What the commands made of 20 utterances."""

    root: Path
    """manifest.tsv and its WAVs, data, run, model."""
    rows: list[manifests.Row]
    pipeline: Any


def said(text: str) -> "np.typing.NDArray[np.float32]":
    """A sound for each word."""
    time_s = np.arange(int(WORD_S * 16_000)) / 16_000
    noise = [np.random.default_rng(WORDS.index(word)).normal(0, 0.05, len(time_s)) for word in text.split()]
    tones = [0.25 * np.sin(2 * np.pi * (200 + 170 * WORDS.index(word)) * time_s) for word in text.split()]
    return np.concatenate([tone + own for tone, own in zip(tones, noise, strict=True)]).astype(np.float32)


def load(directory: Path) -> Any:
    from transformers import pipeline  # noqa: PLC0415 - heavy, and not everywhere

    return pipeline("automatic-speech-recognition", model=str(directory), trust_remote_code=True, device="cpu")


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Trained:
    """The four commands' first three, in a second sitting for half of the training."""
    import torch  # noqa: PLC0415 - as above

    from testkit.tiny_decoder import write_tiny_decoder  # noqa: PLC0415 - as above
    from testkit.tiny_whisper import write_tiny_whisper  # noqa: PLC0415 - as above

    root = tmp_path_factory.mktemp("tiny_audio")
    torch.manual_seed(1)
    write_tiny_whisper(root / "encoder", spread=0.2)
    write_tiny_decoder(root / "decoder", WORDS)
    draw, texts = random.Random(1), set[str]()
    while len(texts) < 20:
        texts.add(" ".join(draw.sample(WORDS, draw.randint(1, 3))))
    for text in texts:
        soundfile.write(root / f"{text}.wav", said(text), 16_000)
    manifests.write(
        root / "manifest.tsv",
        ("path", "transcript", "split"),
        [(f"{text}.wav", text.upper(), "train") for text in sorted(texts)],
    )
    data, run, model = (str(root / name) for name in ("data", "run", "model"))
    manifest = ("--manifest", str(root / "manifest.tsv"), "--corpora", "")
    assert main(["prepare", data, "--encoder", str(root / "encoder"), *manifest]) == 0
    begun = (
        "--decoder",
        str(root / "decoder"),
        "--rate",
        "0.03",
        "--projector-size",
        "128",
        "--dropout",
        "0",
        "--mixed",
        "0",
    )
    assert main(["train", data, run, *begun, "--ctc-steps", "20", "--steps", "150", "--dev-every", "75"]) == 0
    assert main(["train", data, run, "--steps", "300"]) == 0
    assert main(["export", run, model]) == 0
    return Trained(root, manifests.read(root / "manifest.tsv"), load(root / "model"))


def test_twenty_utterances_are_learnt_by_heart(trained: Trained, capsys: pytest.CaptureFixture[str]) -> None:
    """1. All 20 at once, some alone. 2. Evaluation beside a program that says GO. Result: WER 0; both in a table."""
    texts = [row["transcript"].lower() for row in trained.rows]
    paths = [str(trained.root / row["path"]) for row in trained.rows]
    assert [each["text"] for each in trained.pipeline(paths, batch_size=8)] == texts
    assert [trained.pipeline(path)["text"] for path in paths[:3]] == texts[:3]
    go = f"{sys.executable} -c \"print('go')\""
    asked = (
        "--manifest",
        str(trained.root / "manifest.tsv"),
        "--corpora",
        "",
        "--split",
        "train",
        "--max-samples",
        "5",
    )
    assert main(["evaluate", str(trained.root / "model"), "--command", go, *asked]) == 0
    first, second = capsys.readouterr().out.splitlines()[-2:]
    assert [cell.strip() for cell in first.split("|")[1:4:2]] == ["pipeline, model", "0.0"]
    assert first.split("|")[2].startswith(" 5, ")
    assert second.startswith(f"| command, {sys.executable} | 5, ")
    assert float(second.split("|")[3]) > 50


def test_the_run_tells_its_course_and_goes_on(trained: Trained) -> None:
    from training.tiny_audio import curve  # noqa: PLC0415 - as above

    lines = curve.read(trained.root / "run")
    assert [(line.step, line.taught_by) for line in lines] == [
        *((20, "ctc"), (75, "decoder"), (150, "decoder"), (225, "decoder"), (300, "decoder"))
    ]
    assert lines[-1].dev_loss < lines[1].dev_loss / 2
    assert lines[-1].hours_heard > lines[2].hours_heard > 0
    assert (trained.root / "run" / "curve.png").stat().st_size > 1000


def test_a_step_is_the_same_in_one_sitting_or_two(trained: Trained, tmp_path: Path) -> None:
    import torch  # noqa: PLC0415 - as above

    from training.tiny_audio import material  # noqa: PLC0415 - as above
    from training.tiny_audio.settings import TrainSettings  # noqa: PLC0415 - as above
    from training.tiny_audio.train import Run  # noqa: PLC0415 - as above

    data = material.read(trained.root / "data")
    settings = TrainSettings(str(trained.root / "decoder"), ctc_steps=2, steps=4, projector_size=16)
    one = Run(data, tmp_path / "one", settings)
    losses = [one.step() for _ in range(4)]
    two = Run(data, tmp_path / "two", settings)
    again = [two.step() for _ in range(2)]
    two.save()
    two = Run(data, tmp_path / "two", settings)
    assert [*again, two.step(), two.step()] == losses
    for ours, theirs in zip(one.model.projector.parameters(), two.model.projector.parameters(), strict=True):
        assert torch.equal(ours, theirs)


def test_prepare_goes_on_where_it_was_killed(trained: Trained, tmp_path: Path) -> None:
    """1. A third of the index is lost, and half a frame stands behind. 2. Prepare. Result: the same frames."""
    from training.tiny_audio import material  # noqa: PLC0415 - as above

    data = trained.root / "data"
    index = (data / "index.tsv").read_text().splitlines()
    (tmp_path / "index.tsv").write_text("\n".join(index[:14]) + "\n")
    (tmp_path / "frames.f16").write_bytes((data / "frames.f16").read_bytes()[:-7])
    (tmp_path / "encoder.json").write_bytes((data / "encoder.json").read_bytes())
    material.prepare(tmp_path, trained.root / "manifest.tsv", trained.root / "encoder")
    assert (tmp_path / "frames.f16").read_bytes() == (data / "frames.f16").read_bytes()
    assert (tmp_path / "index.tsv").read_text().splitlines() == index


def test_prepare_goes_on_where_it_was_killed_while_it_wrote_whose_frames_they_are(
    trained: Trained, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """1. All is there, and prepare is killed with half of encoder.json written. 2. Prepare. Result: nothing is lost."""
    from training.tiny_audio import material  # noqa: PLC0415 - as above

    def write_half(path: Path, text: str, **_: str) -> None:
        path.write_bytes(text[: len(text) // 2].encode())
        raise KeyboardInterrupt

    for name in ("index.tsv", "frames.f16", "encoder.json"):
        shutil.copy(trained.root / "data" / name, tmp_path)
    with monkeypatch.context() as killing:
        killing.setattr(Path, "write_text", write_half)
        with pytest.raises(KeyboardInterrupt):
            material.prepare(tmp_path, trained.root / "manifest.tsv", trained.root / "encoder")
    material.prepare(tmp_path, trained.root / "manifest.tsv", trained.root / "encoder")
    assert (tmp_path / "frames.f16").read_bytes() == (trained.root / "data" / "frames.f16").read_bytes()


def test_an_encoder_is_the_same_by_whatever_path(
    trained: Trained, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """1. Prepare goes on with a path from elsewhere, and by a link. 2. With another. Result: only that is refused."""
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "link").symlink_to(trained.root / "encoder")
    shutil.copytree(trained.root / "encoder", tmp_path / "another")
    monkeypatch.chdir(tmp_path / "elsewhere")
    rest = ("--manifest", str(trained.root / "manifest.tsv"), "--corpora", "")
    for encoder in (os.path.relpath(trained.root / "encoder"), "../link"):
        assert main(["prepare", str(trained.root / "data"), "--encoder", encoder, *rest]) == 0
    assert main(["prepare", str(trained.root / "data"), "--encoder", "../another", *rest]) == 1
    told = capsys.readouterr().err.splitlines()[-1]
    assert f"holds frames of {trained.root / 'encoder'}" in told


def test_only_the_projector_is_stored(trained: Trained) -> None:
    from safetensors import safe_open  # noqa: PLC0415 - as above

    with safe_open(trained.root / "model" / "model.safetensors", "pt") as weights:
        layers = [f"projector.{layer}.{what}" for layer in ("first", "last") for what in ("bias", "weight")]
        assert sorted(weights.keys()) == [*layers, "projector.vocabulary"]
    assert not any(each.requires_grad for each in trained.pipeline.model.decoder.parameters())
    assert not any(each.requires_grad for each in trained.pipeline.model.encoder.parameters())


def test_the_decoder_is_given_what_is_said_and_nothing_else() -> None:
    """Vectors near the first token, for nothing, are left out; such near one token, one behind the other, are one.

    What lies beyond a token is given as that token; what lies between two as their mean.
    """
    import torch  # noqa: PLC0415 - as above

    from training.tiny_audio.shipped.modeling_tiny_audio import said as said_of  # noqa: PLC0415 - as above

    embeddings = 4 * torch.eye(3)
    made = torch.stack([1.5 * embeddings[place] for place in (0, 1, 1, 0, 1, 2, 0)])
    made.requires_grad_()
    left = said_of(made, embeddings, mixed=True)
    assert torch.allclose(left, torch.stack([embeddings[place] for place in (1, 1, 2)]), atol=1e-3)
    left.sum().backward()
    assert made.grad is not None
    assert not made.grad[[0, 3, 6]].any()
    between = (embeddings[1] + embeddings[2])[None] / 2
    assert torch.allclose(said_of(between, embeddings, mixed=True), between)
    assert torch.equal(said_of(made, embeddings, mixed=False), made[[1, 4, 5]])
    assert said_of(embeddings[:1], embeddings, mixed=True).shape == (0, 3)


def test_the_beginning_of_the_prompt_is_heard_once(trained: Trained) -> None:
    """The loss is that of the whole text read at once, each utterance for itself."""
    import torch  # noqa: PLC0415 - as above

    model = trained.pipeline.model
    frames = [model.encoder.encode([said(text)])[0] for text in ("red", "green blue door")]
    labels = [[2, 0], [3, 4, 5, 0]]
    with torch.no_grad():
        made = model.projector(frames)
        together = float(model(made, labels))
        alone = [float(model([one], [ids])) * len(ids) for one, ids in zip(made, labels, strict=True)]
        before, (asked,) = model.embedded(model._around[0]), model.asked(made[:1])
        whole = torch.cat([before, asked, model.embedded(labels[0])])[None]
        logits = model.decoder(inputs_embeds=whole).logits[0, -3:-1]
        plain = float(torch.nn.functional.cross_entropy(logits, torch.tensor(labels[0]), reduction="sum"))
    assert together == pytest.approx(sum(alone) / 6, rel=1e-4)
    assert alone[0] == pytest.approx(plain, rel=1e-4)


def test_more_utterances_may_come_while_a_run_goes_on(trained: Trained, tmp_path: Path) -> None:
    """1. A run over half of them. 2. It goes on with all. Result: it knows their words too, behind the others."""
    from dataclasses import replace  # noqa: PLC0415 - as above

    from training.tiny_audio import material  # noqa: PLC0415 - as above
    from training.tiny_audio.settings import TrainSettings  # noqa: PLC0415 - as above
    from training.tiny_audio.train import Run  # noqa: PLC0415 - as above

    data, settings = material.read(trained.root / "data"), TrainSettings(str(trained.root / "decoder"), ctc_steps=2)
    few = replace(data, utterances=[each for each in data.utterances if "red" not in each.text.split()])
    one = Run(few, tmp_path, settings)
    one.step()
    one.save()
    two = Run(data, tmp_path, settings)
    assert two.progress.step == 1
    assert two.ctc.vocabulary[: len(one.ctc.vocabulary)] == one.ctc.vocabulary
    assert len(two.ctc.vocabulary) == len(one.ctc.vocabulary) + 1
    assert two.model.projector.vocabulary.tolist() == two.ctc.vocabulary


def test_sound_comes_in_many_forms(trained: Trained) -> None:
    """The same words as a path, bytes, samples, integers, stereo, at other rates, in lists. Result: the same text."""
    text = trained.rows[0]["transcript"].lower()
    sound, path = said(text), trained.root / trained.rows[0]["path"]
    file = io.BytesIO()
    soundfile.write(file, sound, 16_000, format="WAV")
    forms = [path, str(path), file.getvalue(), sound, (sound * 32767).astype(np.int16), np.stack([sound, sound], 1)]
    forms += [{"raw": sound, "sampling_rate": 16_000}, {"array": sound.astype(np.float64), "sampling_rate": 16_000}]
    assert [each["text"] for each in trained.pipeline(forms)] == [text] * len(forms)
    for rate_hz in (8_000, 11_025, 44_100, 48_000):
        assert set(trained.pipeline({"raw": np.resize(sound, rate_hz), "sampling_rate": rate_hz})) == {"text"}
    assert trained.pipeline([]) == []
    assert trained.pipeline(each for each in [sound]) == [{"text": text}]
    assert trained.pipeline(np.zeros(3, np.float32)) == {"text": ""}


@pytest.mark.parametrize(
    ("given", "why"),
    [
        ("nowhere.wav", "nowhere.wav: cannot be read"),
        (b"no sound", "cannot be read"),
        (np.zeros(0, np.float32), "give samples"),
        (np.full(800, np.nan, np.float32), "no numbers"),
        ({"raw": np.zeros(800, np.float32)}, "sampling_rate"),
        (np.array(["a"]), "give samples"),
    ],
)
def test_what_is_no_sound_is_named(trained: Trained, given: Any, why: str) -> None:
    with pytest.raises(ValueError, match=why):
        trained.pipeline(given)


def test_generation_is_told_how(trained: Trained) -> None:
    long = next(row for row in trained.rows if len(row["transcript"].split()) == 3)
    path, text = str(trained.root / long["path"]), long["transcript"].lower()
    first = text.split()[0]
    assert trained.pipeline(path, max_new_tokens=1)["text"] == first
    assert trained.pipeline(path, generate_kwargs={"max_new_tokens": 1, "num_beams": 2})["text"] == first
    assert trained.pipeline(path, num_beams=3)["text"] == text
    with pytest.raises(ValueError, match="does not know when"):
        trained.pipeline(path, return_timestamps="word")


def test_long_sound_is_cut_in_its_pauses(trained: Trained) -> None:
    """Two utterances with a pause between, as one sound longer than a piece may be. Result: both texts, in order."""
    from training.tiny_audio.shipped.processing_tiny_audio import pieces  # noqa: PLC0415 - as above

    texts = [row["transcript"].lower() for row in trained.rows if len(row["transcript"].split()) == 3][:2]
    pause = np.zeros(3200, np.float32)
    sound = np.concatenate([said(texts[0]), pause, said(texts[1])])
    cut = list(pieces(sound, 1.4))
    assert np.array_equal(np.concatenate(cut), sound)
    assert len(cut[0]) == pytest.approx(len(said(texts[0])) + 1600, abs=1600)
    told = trained.pipeline(sound, chunk_length_s=1.4)["text"].split()
    assert told[0] == texts[0].split()[0]
    minute = np.tile(np.concatenate([sound, pause]), 30)
    assert len(minute) > 60 * 16_000
    assert all(len(piece) <= 29.5 * 16_000 for piece in pieces(minute, 29.5))
    assert trained.pipeline(minute, max_new_tokens=3)["text"]


def test_parts_are_swapped_by_two_names(trained: Trained, tiny_model_dir: Path, tmp_path: Path) -> None:
    """1. The encoder of kwsd. 2. A decoder, an encoder that the projector does not fit. Result: text; named errors."""
    from testkit.tiny_decoder import write_tiny_decoder  # noqa: PLC0415 - as above
    from training.tiny_audio.export import write  # noqa: PLC0415 - as above
    from training.tiny_audio.shipped.configuration_tiny_audio import TinyAudioConfig  # noqa: PLC0415 - as above
    from training.tiny_audio.shipped.encoders_tiny_audio import open_encoder  # noqa: PLC0415 - as above
    from training.tiny_audio.shipped.modeling_tiny_audio import TinyAudio  # noqa: PLC0415 - as above

    size = open_encoder(str(tiny_model_dir)).size
    sizes: dict[str, Any] = {"encoder_size": size, "decoder_size": 64, "projector_size": 8, "stack": 2}
    decoder = str(trained.root / "decoder")
    write(TinyAudio(TinyAudioConfig(str(tiny_model_dir), decoder, prompt="{speech} go", **sizes)), tmp_path / "kwsd")
    assert set(load(tmp_path / "kwsd")(said("red door"))) == {"text"}
    write_tiny_decoder(tmp_path / "kwsd" / "wide", WORDS, size=128)
    path = tmp_path / "kwsd" / "config.json"
    config = json.loads(path.read_text())
    for name, other, why in (
        ("decoder", "wide", "embeddings of 128"),
        ("encoder", str(trained.root / "encoder"), "16 numbers"),
    ):
        path.write_text(json.dumps({**config, name: other}))
        with pytest.raises(ValueError, match=why):
            load(tmp_path / "kwsd")


def test_the_processor_is_found_too(trained: Trained) -> None:
    from transformers import AutoProcessor  # noqa: PLC0415 - as above

    text = trained.rows[0]["transcript"].lower()
    processor = AutoProcessor.from_pretrained(str(trained.root / "model"), trust_remote_code=True)
    inputs = processor([said(text), said("go")], sampling_rate=16_000)
    assert processor.batch_decode(trained.pipeline.model.generate(**inputs))[0] == text


def test_mistakes_are_told_in_a_line(trained: Trained, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    data, run = str(trained.root / "data"), str(trained.root / "run")
    for arguments, why in (
        (["train", str(tmp_path), str(tmp_path / "run"), "--decoder", "x"], "prepare"),
        (["train", data, str(tmp_path / "run")], "--decoder DIRECTORY"),
        (["train", data, run, "--stack", "3"], "its run has stack 5"),
        (["export", str(tmp_path), str(tmp_path / "out")], "holds no checkpoint.pt"),
        (["evaluate"], "nobody is asked"),
        (["evaluate", data, "--manifest", str(tmp_path / "none.tsv")], "none.tsv"),
        (["prepare", data, "--encoder", str(trained.root / "decoder")], "is a llama"),
    ):
        assert main(arguments) == 1
        told = capsys.readouterr().err.splitlines()[-1]
        assert told.startswith(f"{arguments[0]}: ")
        assert why in told
