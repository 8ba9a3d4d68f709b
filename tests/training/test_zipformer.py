"""The Zipformer recipe: its network in three forms, resuming, and a run that learns a handful of words."""

import csv
import dataclasses
import math
import random
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
from kaldi_native_fbank import FbankOptions, OnlineFbank
from numpy.typing import NDArray

torch = pytest.importorskip("torch", reason="training needs torch: scripts/training-environment says how")

import sherpa_onnx  # noqa: E402  (after the skip)
import soundfile  # noqa: E402

from kwsd.acoustic.model import Model  # noqa: E402
from kwsd.spotters.library import SampleSpotter  # noqa: E402
from training.zipformer.checkpoint import (  # noqa: E402
    CHECKPOINT,
    load_model,
    save_atomically,
    save_weights,
)
from training.zipformer.data.augment import AugmentSettings  # noqa: E402
from training.zipformer.data.batches import Batch  # noqa: E402
from training.zipformer.data.fbank import fbank, frame_count  # noqa: E402
from training.zipformer.data.pack import read_pack, write_pack  # noqa: E402
from training.zipformer.data.records import Recording  # noqa: E402
from training.zipformer.data.synthesis import Voice, speak  # noqa: E402
from training.zipformer.data.units import read_units, train_pieces  # noqa: E402
from training.zipformer.export import INTERNAL_LM_SHARE, cache_names, export, segment_frames  # noqa: E402
from training.zipformer.flat import FlatParameters  # noqa: E402
from training.zipformer.loss.flat_start import flat_start_loss  # noqa: E402
from training.zipformer.model.settings import ModelSettings  # noqa: E402
from training.zipformer.model.transducer import Transducer  # noqa: E402
from training.zipformer.optimizer import ScaledAdam, learning_rate  # noqa: E402
from training.zipformer.settings import TrainSettings  # noqa: E402
from training.zipformer.storage import PACKAGED  # noqa: E402
from training.zipformer.train import Trainer  # noqa: E402

pytestmark = [pytest.mark.training, pytest.mark.timeout(300)]

WORDS = ("LIGHTS", "MUSIC", "STOP", "VOLUME", "COMPUTER", "KITCHEN")
SMALL = ModelSettings(
    vocabulary=42,
    front_channels=(4, 8, 16),
    dimension=48,
    layers=(1, 1, 1),
    downsampling=(1, 2, 4),
    heads=(2, 2, 2),
    kernels=(15, 15, 7),
    feed_forward=96,
    query_head=16,
    decoder_dimension=64,
    joiner_dimension=64,
    dropout=0.0,
)
CPU = torch.device("cpu")


@pytest.fixture(autouse=True)
def _one_thread() -> None:
    torch.set_num_threads(1)
    torch.manual_seed(0)


# ---------------------------------------------------------------- features


def test_features_are_those_of_the_spotter() -> None:
    samples = np.random.default_rng(0).normal(0, 0.1, 16000).astype(np.float32)
    options = FbankOptions()
    options.frame_opts.dither, options.frame_opts.snip_edges = 0.0, False
    options.mel_opts.num_bins, options.mel_opts.low_freq, options.mel_opts.high_freq = 80, 20, -400
    peer = OnlineFbank(options)
    peer.accept_waveform(16000, samples)
    theirs = np.stack([np.array(peer.get_frame(i)) for i in range(peer.num_frames_ready)])
    ours = fbank(torch.from_numpy(samples)[None])[0].numpy()
    assert len(ours) == frame_count(16000) == len(theirs)
    assert np.abs(ours - theirs).max() < 1e-3


# ---------------------------------------------------------------- three forms of one network


@pytest.fixture(scope="module")
def standard(tmp_path_factory: pytest.TempPathFactory) -> tuple[Transducer, dict[int, Path]]:
    """An untrained network of the shipped size, exported for 320 ms and 160 ms."""
    folder = tmp_path_factory.mktemp("standard")
    torch.manual_seed(3)
    model = Transducer(ModelSettings(vocabulary=60)).eval()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(0.05 * torch.randn_like(parameter))  # so that no bias and no edge is zero
    train_pieces(folder, [*WORDS, "TURN THE HEATING DOWN PLEASE", "WHAT IS THE WEATHER LIKE"], 60)
    weights = save_weights(folder, model, step=1, keep=1)
    for chunk in (16, 8):
        export(weights, folder, folder / str(chunk), chunk)
    return load_model(folder / "16" / PACKAGED).eval(), {chunk: folder / str(chunk) for chunk in (16, 8)}


def test_the_joiner_expects_less_than_it_has_learnt(standard: tuple[Transducer, dict[int, Path]]) -> None:
    """1. A joiner is exported. 2. It is asked about frames and contexts, and about no sound at all.

    Result: blanks are as likely beside all else as before; what it expected least of phones has gained most.
    """
    model, exported = standard
    session = onnxruntime.InferenceSession(exported[16] / "joiner.onnx", providers=["CPUExecutionProvider"])
    frames, decoded = torch.randn(2, 7, model.settings.joiner_dimension)
    given = {"encoder_out": frames.numpy(), "decoder_out": decoded.numpy()}
    with torch.no_grad():
        before = model.joiner(frames, decoded).numpy()
        expected = model.joiner(torch.zeros_like(decoded), decoded)[:, 1:].log_softmax(-1).numpy()
    gained = session.run(None, given)[0] - before
    assert np.abs(gained[:, 0]).max() < 1e-5
    assert np.abs((np.exp(expected) * gained[:, 1:]).sum(axis=1)).max() < 1e-5
    slope = np.diff(gained[:, 1:], axis=1) / np.diff(expected, axis=1)
    assert np.allclose(slope, -INTERNAL_LM_SHARE, atol=1e-3)


def run_onnx(path: Path, features: NDArray[np.float32], chunk: int) -> NDArray[np.float32]:
    """Stream features (F, 80) through an exported encoder, each output fed back as the next input."""
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    inputs = session.get_inputs()
    state = [np.zeros(i.shape, np.int64 if "int64" in i.type else np.float32) for i in inputs[1:]]
    frames = []
    for start in range(0, len(features) - segment_frames(chunk) + 1, 2 * chunk):
        x = features[None, start : start + segment_frames(chunk)]
        out, *state = session.run(None, {i.name: v for i, v in zip(inputs, [x, *state], strict=True)})
        frames.append(out[0])
    return np.concatenate(frames)


@pytest.mark.parametrize("chunk", [16, 8])
def test_whole_equals_streaming_equals_onnx(standard: tuple[Transducer, dict[int, Path]], chunk: int) -> None:
    model, exported = standard
    features = torch.randn(1, 32 * 8 + 13, 80) * 4 - 7  # eight chunks of 320 ms: more than the left context
    with torch.no_grad():
        whole, _ = model.encoder(features, torch.tensor([features.shape[1]]), chunk, 64)
        state, streamed = model.encoder.empty_state(64, features), []
        for start in range(0, features.shape[1] - segment_frames(chunk) + 1, 2 * chunk):
            encoded, state = model.encoder.stream(features[:, start : start + segment_frames(chunk)], state, 64)
            streamed.append(encoded)
        stream = model.encoder_proj(torch.cat(streamed, dim=1))[0].numpy()
        whole = model.encoder_proj(whole)[0, : len(stream)].numpy()
    assert len(stream) == 64
    assert np.abs(stream - whole).max() < 1e-3
    assert np.abs(run_onnx(exported[chunk] / "encoder.onnx", features[0].numpy(), chunk) - stream).max() < 1e-3


def test_layout_is_the_public_one(standard: tuple[Transducer, dict[int, Path]]) -> None:
    model, exported = standard
    encoder = onnx.load(exported[16] / "encoder.onnx")
    shapes = {i.name: [d.dim_value for d in i.type.tensor_type.shape.dim] for i in encoder.graph.input}
    left, heads, kernels = (64, 32, 16, 8, 16, 32), (4, 4, 4, 4, 4, 4), (31, 31, 15, 15, 15, 31)
    expected = {"x": [1, 45, 80]}
    for i, (frames, head, kernel) in enumerate(zip(left, heads, kernels, strict=True)):
        expected[f"cached_key_{i}"] = [frames, 1, 16 * head]
        expected[f"cached_nonlin_attn_{i}"] = [1, 1, frames, 72]
        expected[f"cached_val1_{i}"] = expected[f"cached_val2_{i}"] = [frames, 1, 12 * head]
        expected[f"cached_conv1_{i}"] = expected[f"cached_conv2_{i}"] = [1, 96, kernel // 2]
    expected |= {"embed_states": [1, 128, 3, 19], "processed_lens": [1]}
    assert shapes == expected
    assert list(shapes)[1:] == cache_names(model.settings)
    assert [o.name for o in encoder.graph.output] == ["encoder_out", *(f"new_{n}" for n in list(shapes)[1:])]
    metadata = {entry.key: entry.value for entry in encoder.metadata_props}
    assert (metadata["T"], metadata["decode_chunk_len"]) == ("45", "32")
    assert metadata["left_context_len"] == "64,32,16,8,16,32"
    assert (exported[16] / "encoder.int8.onnx").stat().st_size < 5e6
    assert model.parameters_shipped() <= 3.5e6


def test_int8_encoder_stays_close(standard: tuple[Transducer, dict[int, Path]]) -> None:
    _, exported = standard
    features = (np.random.default_rng(0).normal(-7, 4, (32 * 4 + 13, 80))).astype(np.float32)
    exact = run_onnx(exported[16] / "encoder.onnx", features, 16)
    rounded = run_onnx(exported[16] / "encoder.int8.onnx", features, 16)
    assert np.corrcoef(exact.ravel(), rounded.ravel())[0, 1] > 0.99


# ---------------------------------------------------------------- training


def test_a_flat_start_spreads_tokens_over_the_loud_frames() -> None:
    """Logits that give each quarter of the loud frames its token cost little; one token later they cost much."""
    features = torch.full((1, 80, 4), -14.0)
    features[:, 16:48] = -4.0  # loud: encoder frames 4 to 11, half of them with a token
    batch = Batch(features, torch.tensor([80]), torch.tensor([[3, 1, 2, 4]]), torch.tensor([4]))
    logits = torch.zeros(1, 20, 5)
    logits[0, :, 0] = 20.0
    logits[0, range(4, 12), [3, 3, 1, 1, 2, 2, 4, 4]] = 20.0
    undecided = math.log(2) * 8 / 20  # blank or not, in the loud frames
    assert float(flat_start_loss(logits, batch)) == pytest.approx(undecided, abs=1e-3)
    assert float(flat_start_loss(logits.roll(2, 1), batch)) > 5.0
    silence = torch.tensor([20.0, 0, 0, 0, 0]).expand(1, 20, 5)
    assert float(flat_start_loss(silence, dataclasses.replace(batch, tokens=torch.tensor([0])))) < 1e-3


@pytest.fixture(scope="module")
def spoken(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Twenty-four recordings of three words in any order, so that only listening tells which; packed, with units."""
    if shutil.which("espeak-ng") is None:
        pytest.skip("espeak-ng is not installed: apt install espeak-ng")
    folder = tmp_path_factory.mktemp("spoken")
    voice, pause, choose = Voice("espeak-ng", "en-us"), np.zeros(2400, np.float32), random.Random(0)
    sound = {word: np.concatenate([speak(word, voice, folder / "word.wav"), pause]) for word in WORDS}
    recordings = []
    for i in range(24):
        said = choose.sample(WORDS, 3)
        soundfile.write(folder / f"{i}.wav", np.concatenate([sound[word] for word in said]), 16000)
        recordings.append(Recording(folder / f"{i}.wav", "train", "synthetic", voice.label, " ".join(said)))
    write_pack(folder, recordings)
    train_pieces(folder, WORDS, SMALL.vocabulary)
    return folder


def trainer(spoken: Path, run: Path, **changes: Any) -> Trainer:
    settings = TrainSettings(
        half=False,
        warmup=30,
        decay=200,
        rate=0.1,
        band=4,
        batch_seconds=28.0,
        chunks=((16, 64),),
        report_every=15,
        augment=dataclasses.replace(AugmentSettings.none(), lead_s=(0.1, 0.5), tail_s=(0.6, 0.6)),
    )
    changed = dataclasses.replace(settings, **changes)
    return Trainer(run, read_pack(spoken), read_units(spoken), SMALL, settings=changed, device=CPU)


def test_a_killed_run_goes_on_as_if_nothing_had_happened(spoken: Path, tmp_path: Path) -> None:
    """A run of six steps equals one that ends after three and is started again.

    1. Train six steps with augmentation, at one go.
    2. Train three steps; leave a half-written checkpoint and a metrics row from the future, as a kill would.
    3. Start again. Result: the same weights, the same metrics.
    """
    loud = AugmentSettings(time_masks=2)
    trainer(spoken, tmp_path / "whole", steps=6, listen=2, report_every=1, augment=loud).run()
    trainer(spoken, tmp_path / "parts", steps=3, listen=2, report_every=1, augment=loud).run()
    (tmp_path / "parts" / "checkpoint.partial").write_bytes(b"half")
    with (tmp_path / "parts" / "metrics.csv").open("a") as rows:
        rows.write("4,9,9,9,9,9,9,9,\n")
    trainer(spoken, tmp_path / "parts", steps=6, listen=2, report_every=1, augment=loud).run()
    whole, parts = (load_model(tmp_path / name / CHECKPOINT).state_dict() for name in ("whole", "parts"))
    assert all(torch.equal(whole[name], parts[name]) for name in whole)
    assert loss_column(tmp_path / "whole") == loss_column(tmp_path / "parts")
    assert len(loss_column(tmp_path / "whole")) == 6


def loss_column(run: Path) -> list[str]:
    with (run / "metrics.csv").open(newline="") as rows:
        return [row["joint"] for row in csv.DictReader(rows)]


def test_the_rate_falls_to_a_twentieth_over_the_last_steps() -> None:
    """The same as without a cool-down up to its beginning, half of it in the middle; without an end there is none."""
    free, cooled = (TrainSettings(steps=1000, warmup=1, decay=500, cool_down=steps) for steps in (0, 200))
    shares = [learning_rate(step, cooled) / learning_rate(step, free) for step in (100, 800, 900, 1000)]
    assert shares == pytest.approx([1.0, 1.0, 0.5, 0.05])
    with pytest.raises(ValueError, match="--steps"):
        TrainSettings(cool_down=200)


def test_a_run_that_begins_still_moves_nothing_until_the_optimizer_knows_its_gradients() -> None:
    """Weights stay what they are for two still steps, while the moments fill; the third has the rate of a warm-up."""
    settings = TrainSettings(rate=0.01, still=2, warmup=4)
    assert [learning_rate(step, settings) for step in (0, 1)] == [0.0, 0.0]
    assert learning_rate(2, settings) == pytest.approx(0.005)
    network = torch.nn.Linear(4, 3)
    flat = FlatParameters(network)
    optimizer = ScaledAdam(flat)
    before = flat.values.clone()
    for step in range(3):
        flat.clear_gradients()
        network(torch.ones(2, 4)).square().sum().backward()
        optimizer.lr = learning_rate(step, settings)
        optimizer.step()
        assert torch.equal(flat.values, before) == (step < 2)
        assert bool((optimizer.state["square"] > 0).any())


def test_a_failed_write_leaves_the_old_checkpoint(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / CHECKPOINT
    save_atomically({"step": 1}, path)

    def fail(_values: Any, target: Any) -> None:
        target.write(b"half of it")
        raise OSError("disk full")

    monkeypatch.setattr(torch, "save", fail)
    with pytest.raises(OSError, match="disk full"):
        save_atomically({"step": 2}, path)
    assert torch.load(path) == {"step": 1}


def recordings(spoken: Path) -> list[tuple[list[str], NDArray[np.float32]]]:
    """Six of the recordings, with silence around them and a noise floor that was not trained on."""
    pack, noise = read_pack(spoken), np.random.default_rng(1)
    heard = []
    for clip in pack.clips[:6]:
        padded = np.pad(pack.samples(clip).astype(np.float32) / 32768, (4800, 11200))
        heard.append((clip.text.split(), (padded + noise.normal(0, 1e-4, len(padded))).astype(np.float32)))
    return heard


def heard_by_sherpa(model: Path, keywords: Path, samples: NDArray[np.float32]) -> list[str]:
    """What sherpa-onnx finds in a recording, in order."""
    files = {part: str(model / f"{part}.onnx") for part in ("encoder", "decoder", "joiner")}
    tokens = str(model / "tokens.txt")
    spotter = sherpa_onnx.KeywordSpotter(
        tokens=tokens, keywords_file=str(keywords), keywords_threshold=0.15, num_threads=1, **files
    )
    stream, heard = spotter.create_stream(), []
    stream.accept_waveform(16000, np.pad(samples, (0, 16000)))
    stream.input_finished()
    while spotter.is_ready(stream):
        spotter.decode_stream(stream)
        if hit := spotter.get_result(stream):
            heard.append(hit)
            spotter.reset_stream(stream)
    return heard


def test_what_was_learnt_is_found_by_kwsd_and_by_sherpa_onnx(spoken: Path, tmp_path: Path) -> None:
    """The whole recipe on a handful of recordings.

    1. Train until they are known by heart; the loss falls below a tenth of a nat per token.
    2. Export. Result: kwsd and sherpa-onnx both hear every word, in order, and no other.
    """
    run, model = tmp_path / "run", tmp_path / "model"
    trainer(spoken, run, steps=480, listen=60, cool_down=120).run()
    assert float(loss_column(run)[-1]) < 0.1
    export(run / CHECKPOINT, spoken, model, chunk=16)
    units = read_units(model)
    pieces = units.pieces()
    lines = [" ".join([*(pieces[i] for i in units.encode(word)), f"@{word}"]) for word in WORDS]
    (tmp_path / "keywords.txt").write_text("\n".join(lines) + "\n")
    loaded = Model.load(model)
    for said, samples in recordings(spoken):
        spotter = SampleSpotter(loaded, WORDS)
        assert [hit.phrase for hit in [*spotter.accept(samples), *spotter.finish()]] == said
        assert heard_by_sherpa(model, tmp_path / "keywords.txt", samples) == said
