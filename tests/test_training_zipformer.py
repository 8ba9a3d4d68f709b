"""The Zipformer recipe: its loss, its network in three forms, resuming, and a run that learns a handful of phrases."""

import csv
import dataclasses
import itertools
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
from kwsd.search.keyword import Keyword  # noqa: E402
from kwsd.spotter import Spotter  # noqa: E402
from training.zipformer.checkpoint import (  # noqa: E402
    CHECKPOINT,
    average,
    load_model,
    save_atomically,
    save_weights,
    weight_files,
)
from training.zipformer.data.augment import AugmentSettings  # noqa: E402
from training.zipformer.data.fbank import fbank, frame_count  # noqa: E402
from training.zipformer.data.pack import Pack, read_pack, write_pack  # noqa: E402
from training.zipformer.data.records import Recording  # noqa: E402
from training.zipformer.data.synthesis import Voice, speak  # noqa: E402
from training.zipformer.data.units import Units, train_units  # noqa: E402
from training.zipformer.export import cache_names, export, segment_frames  # noqa: E402
from training.zipformer.loss.lattice import transducer_loss  # noqa: E402
from training.zipformer.loss.pruned import band_starts, banded_arcs, losses  # noqa: E402
from training.zipformer.model.settings import ModelSettings  # noqa: E402
from training.zipformer.model.transducer import Transducer  # noqa: E402
from training.zipformer.train import Trainer, TrainSettings  # noqa: E402

pytestmark = [pytest.mark.training, pytest.mark.timeout(300)]

PHRASES = ("LIGHTS ON", "PLAY MUSIC", "STOP", "VOLUME UP", "HEY COMPUTER", "GOOD MORNING")
SMALL = ModelSettings(
    vocabulary=52,
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


# ---------------------------------------------------------------- loss


def sum_over_alignments(blank: Any, emit: Any, frames: int, tokens: int) -> Any:
    """Minus the log of the sum over every way to place `tokens` on `frames`, one at most on each."""
    paths = []
    for placed in itertools.combinations(range(frames), tokens):
        said, score = 0, torch.zeros((), dtype=blank.dtype)
        for t in range(frames):
            score = score + (emit if t in placed else blank)[t, said]
            said += t in placed
        paths.append(score)
    return -torch.stack(paths).logsumexp(0)


def test_loss_and_gradient_equal_the_sum_over_alignments() -> None:
    frames, tokens = torch.tensor([6, 4, 3, 2]), torch.tensor([3, 1, 3, 0])
    blank = torch.randn(4, 6, 4, dtype=torch.float64, requires_grad=True)
    emit = torch.randn(4, 6, 4, dtype=torch.float64, requires_grad=True)
    expected = torch.stack([sum_over_alignments(blank[n], emit[n], int(frames[n]), int(tokens[n])) for n in range(4)])
    found, occupancy = transducer_loss(blank, emit, frames, tokens)
    assert torch.allclose(found, expected)
    weights = torch.tensor([1.0, -2.0, 0.5, 3.0], dtype=torch.float64)
    for ours, theirs in zip(
        torch.autograd.grad((found * weights).sum(), (blank, emit)),
        torch.autograd.grad((expected * weights).sum(), (blank, emit)),
        strict=True,
    ):
        assert torch.allclose(ours, theirs)
    in_some_node = occupancy.sum(dim=2)
    assert torch.allclose(in_some_node[0], torch.ones(6, dtype=torch.float64))
    assert not in_some_node[3, 2:].any()


@pytest.mark.parametrize("band", [2, 3, 5])
def test_band_is_connected_and_holds_both_ends(band: int) -> None:
    frames, tokens = torch.tensor([30, 22, 30]), torch.tensor([12, 9, 0])
    starts = band_starts(torch.rand(3, 30, 13), frames, tokens, band)
    steps = starts.diff(dim=1)
    assert (starts[:, 0] == 0).all()
    assert (steps >= 0).all()
    assert (steps < band).all()
    for n in range(3):
        last = int(starts[n, frames[n] - 1])
        assert last <= int(tokens[n]) < last + band


def test_a_band_of_all_tokens_is_the_full_lattice() -> None:
    model = Transducer(SMALL).eval()
    encoded, targets = torch.randn(2, 12, SMALL.dimension), torch.randint(3, 52, (2, 4))
    frames, tokens = torch.tensor([12, 9]), torch.tensor([4, 2])
    text = model.decoder.of_targets(targets)
    logits = model.joiner(model.encoder_proj(encoded).unsqueeze(2), text.unsqueeze(1)).log_softmax(-1)
    following = torch.nn.functional.pad(targets, (0, 1))[:, None, :, None].expand(-1, 12, -1, 1)
    full, _ = transducer_loss(logits[..., 0], logits.gather(3, following).squeeze(3), frames, tokens)
    assert torch.allclose(losses(model, encoded, frames, targets, tokens, band=0).joint, full, atol=1e-4)
    nodes = torch.arange(5).expand(2, 12, 5)
    blank, _ = banded_arcs(model, model.encoder_proj(encoded), text, targets, nodes)
    assert torch.allclose(blank, logits[..., 0], atol=1e-4)


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
    train_units(folder, [*PHRASES, "TURN THE HEATING DOWN PLEASE", "WHAT IS THE WEATHER LIKE"], 60)
    weights = save_weights(folder, model, step=1, keep=1)
    for chunk in (16, 8):
        export(weights, folder, folder / str(chunk), chunk)
    return model, {chunk: folder / str(chunk) for chunk in (16, 8)}


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
    left, heads, kernels = (64, 32, 16, 8, 16, 32), (4, 4, 4, 8, 4, 4), (31, 31, 15, 15, 15, 31)
    expected = {"x": [1, 45, 80]}
    for i, (frames, head, kernel) in enumerate(zip(left, heads, kernels, strict=True)):
        expected[f"cached_key_{i}"] = [frames, 1, 32 * head]
        expected[f"cached_nonlin_attn_{i}"] = [1, 1, frames, 96]
        expected[f"cached_val1_{i}"] = expected[f"cached_val2_{i}"] = [frames, 1, 12 * head]
        expected[f"cached_conv1_{i}"] = expected[f"cached_conv2_{i}"] = [1, 128, kernel // 2]
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


@pytest.fixture(scope="module")
def spoken(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Six phrases by espeak-ng, packed, with units learnt from them."""
    if shutil.which("espeak-ng") is None:
        pytest.skip("espeak-ng is not installed: apt install espeak-ng")
    folder = tmp_path_factory.mktemp("spoken")
    recordings = []
    for phrase in PHRASES:
        samples = speak(phrase, Voice("espeak-ng", "en-us"), folder / "scratch.wav")
        soundfile.write(folder / f"{phrase}.wav", samples, 16000)
        recordings.append(Recording(folder / f"{phrase}.wav", "train", "synthetic", "en-us", phrase))
    write_pack(folder, recordings)
    train_units(folder, PHRASES, SMALL.vocabulary)
    return folder


def trainer(spoken: Path, run: Path, **changes: Any) -> Trainer:
    settings = TrainSettings(
        half=False,
        warmup=30,
        decay=200,
        rate=0.06,
        band=3,
        acoustic=1.0,
        chunks=((16, 64),),
        report_every=5,
        weights_every=2,
        augment=AugmentSettings.none(),
    )
    changed = dataclasses.replace(settings, **changes)
    return Trainer(run, read_pack(spoken), Units(spoken), SMALL, settings=changed, device=CPU)


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


def test_average_is_the_mean_of_the_newest_weights(tmp_path: Path) -> None:
    model = Transducer(SMALL)
    for step, value in enumerate((7.0, 1.0, 3.0)):
        torch.nn.init.constant_(model.joiner.output_linear.bias, value)
        save_weights(tmp_path, model, step, keep=2)
    assert len(weight_files(tmp_path)) == 2
    average(weight_files(tmp_path), tmp_path / "average.pt")
    assert torch.allclose(load_model(tmp_path / "average.pt").joiner.output_linear.bias, torch.tensor(2.0))


@pytest.fixture(scope="module")
def learnt(spoken: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model directory of a network that has learnt the six phrases by heart."""
    torch.set_num_threads(1)
    run = tmp_path_factory.mktemp("run")
    trainer(spoken, run, steps=230, listen=110, cool_down=True).run()
    assert float(loss_column(run)[-1]) < 0.2
    export(run / CHECKPOINT, spoken, run / "model", chunk=16)
    return run / "model"


def recordings(pack: Pack) -> dict[str, NDArray[np.float32]]:
    """Each phrase with the silence around it that it was learnt with."""
    heard = {}
    for clip in pack.clips:
        padded = np.pad(pack.samples(clip).astype(np.float32) / 32768, (4800, 16000))
        noise = np.random.default_rng(1).normal(0, 1e-4, len(padded))
        heard[clip.text] = (padded + noise).astype(np.float32)
    return heard


def test_kwsd_finds_the_phrases_that_were_learnt(spoken: Path, learnt: Path) -> None:
    model = Model.load(learnt)
    for phrase, samples in recordings(read_pack(spoken)).items():
        spotter = Spotter(model, [Keyword(p) for p in PHRASES])
        heard = {hit.phrase for hit in [*spotter.accept(samples), *spotter.finish()]}
        assert heard == {phrase}


def test_sherpa_onnx_finds_the_phrases_that_were_learnt(spoken: Path, learnt: Path, tmp_path: Path) -> None:
    units = Units(learnt)
    pieces = units.pieces()
    lines = [" ".join([*(pieces[i] for i in units.encode(p)), "@" + p.replace(" ", "_")]) for p in PHRASES]
    (tmp_path / "keywords.txt").write_text("\n".join(lines) + "\n")
    spotter = sherpa_onnx.KeywordSpotter(
        tokens=str(learnt / "tokens.txt"),
        encoder=str(learnt / "encoder.onnx"),
        decoder=str(learnt / "decoder.onnx"),
        joiner=str(learnt / "joiner.onnx"),
        keywords_file=str(tmp_path / "keywords.txt"),
        num_threads=1,
    )
    for phrase, samples in recordings(read_pack(spoken)).items():
        stream = spotter.create_stream()
        stream.accept_waveform(16000, samples)
        stream.input_finished()
        heard = set()
        while spotter.is_ready(stream):
            spotter.decode_stream(stream)
            if hit := spotter.get_result(stream):
                heard.add(hit.replace("_", " "))
                spotter.reset_stream(stream)
        assert heard == {phrase}
