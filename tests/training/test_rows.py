"""Rows filled with clips, what lies between mouth and model, and networks that grow."""

import random
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="training needs torch: scripts/training-environment says how")

from training.zipformer.averaging import MovingAverage  # noqa: E402  (after the skip)
from training.zipformer.checkpoint import save_weights  # noqa: E402
from training.zipformer.data.augment import Chance, Surroundings  # noqa: E402
from training.zipformer.data.channel import Channel, narrow_band, telephone, through  # noqa: E402
from training.zipformer.data.fbank import RATE, frame_count  # noqa: E402
from training.zipformer.data.pack import Clip, Pack  # noqa: E402
from training.zipformer.data.row_batches import (  # noqa: E402
    Cuts,
    FixedShapes,
    RowBatch,
    RowBatcher,
    encoder_frames,
)
from training.zipformer.data.rows import fill_rows, plan_rows, sounding_part  # noqa: E402
from training.zipformer.flat import FlatParameters  # noqa: E402
from training.zipformer.grow import grow  # noqa: E402
from training.zipformer.loss.pruned import losses  # noqa: E402
from training.zipformer.model.settings import ModelSettings  # noqa: E402
from training.zipformer.model.transducer import Transducer  # noqa: E402

pytestmark = [pytest.mark.training, pytest.mark.timeout(120)]

ROW_S = 6.0
CPU = torch.device("cpu")


class Letters:
    """Units: a letter is its place in the alphabet."""

    def __len__(self) -> int:
        """Count them, blank included."""
        return 27

    def encode(self, text: str) -> list[int]:
        """Give a unit for each letter."""
        return [ord(letter) - 64 for letter in text]

    def pieces(self) -> list[str]:
        """Give their spelling."""
        return ["<blk>", *map(chr, range(65, 91))]


def packed(count: int = 30) -> Pack:
    """Tones of half a second to three, each between silences, with a text of its own; and a noise."""
    choose, parts, clips, offset = random.Random(3), [], [], 0
    for number in range(count):
        silence = np.zeros(choose.randrange(800, 8000), np.int16)
        size = choose.randrange(8000, 40000)
        tone = (8000 * np.sin(np.arange(size) * (0.1 + 0.01 * number))).astype(np.int16)
        samples = np.concatenate([silence, tone, silence])
        text = "".join(chr(65 + choose.randrange(26)) for _ in range(choose.randrange(1, 8)))
        clips.append(Clip(offset, len(samples), "train", "test", "", text))
        parts.append(samples)
        offset += len(samples)
    hum = np.random.default_rng(0).integers(-900, 900, 50000).astype(np.int16)
    clips.append(Clip(offset, len(hum), "noise", "noise", "", ""))
    return Pack(np.concatenate([*parts, hum]), tuple(clips))


def batcher(pack: Pack, channel: Channel | None = None) -> RowBatcher:
    """Rows of six seconds."""
    return RowBatcher(pack, Letters(), channel or Channel(), CPU, bins=80, seconds=ROW_S)


def small() -> Transducer:
    """A network of one layer in each of its stacks."""
    torch.manual_seed(0)
    settings = ModelSettings(vocabulary=27, front_channels=(4, 4, 4), dimension=32, feed_forward=32)
    model = Transducer(replace(settings, decoder_dimension=32, joiner_dimension=32))
    model.eval()
    return model


def test_a_row_holds_no_more_than_it_can_and_every_clip_comes_once() -> None:
    pack = packed()
    rows = list(fill_rows(pack.clips, batcher(pack).sounding, ROW_S, seed=1))
    assert sorted(clip.offset for row in rows for clip in row.clips) == [clip.offset for clip in pack.clips]
    sounding = batcher(pack).sounding
    for row in rows:
        whole = (slice(0, clip.samples) for clip in row.clips)
        parts = [sounding.get(clip, everything) for clip, everything in zip(row.clips, whole, strict=True)]
        laid = parts if row.tight else [slice(0, clip.samples) for clip in row.clips]
        assert sum(part.stop - part.start for part in laid) <= row.size == ROW_S * RATE
    assert {row.tight for row in rows} == {True, False}


def test_silence_around_a_clip_is_found_but_for_sixty_milliseconds() -> None:
    clip = np.zeros(16000, np.int16)
    clip[4800:8000] = 5000
    assert sounding_part(clip) == slice(4800 - 960, 8000 + 960)
    assert sounding_part(np.zeros(16000, np.int16)) == slice(0, 16000)


def test_the_clips_of_a_row_share_its_frames_and_the_same_seed_gives_the_same() -> None:
    pack = packed()
    rows = list(fill_rows(pack.clips, batcher(pack).sounding, ROW_S, seed=1))[:3]
    batch, again = (batcher(pack).batch(rows, seed=5) for _ in range(2))
    assert torch.equal(batch.features, again.features)
    assert batch.lengths.tolist() == [batch.features.shape[1]] * 3
    frames = encoder_frames(batch.features.shape[1])
    for number in range(3):
        own = batch.cuts.row == number
        ends = (batch.cuts.start + batch.cuts.frames)[own].tolist()
        assert batch.cuts.start[own].tolist() == [0, *ends[:-1]]
        assert ends[-1] == frames
    assert (batch.cuts.frames > batch.tokens).all()
    encoded, counted = small().encoder(batch.features, batch.lengths, 16, 64)
    assert encoded.shape[1] == frames
    assert counted.tolist() == [frames] * 3


def test_rows_of_any_speed_are_played_at_one_length_and_a_batch_has_one_speed() -> None:
    pack = packed(90)
    rows = list(fill_rows(pack.clips, batcher(pack).sounding, ROW_S, seed=1, fastest=1.25))
    batches = plan_rows(rows, 3, seed=1)
    assert len({row.size for row in rows}) > 5
    assert {len({row.size for row in batch}) for batch in batches} == {1}
    lengths = {batcher(pack).batch(batch, seed=5).features.shape[1] for batch in batches[:4]}
    assert lengths == {frame_count(int(ROW_S * RATE))}


def fixed(pack: Pack, clips: int) -> RowBatcher:
    """Batches filled up to so many clips, without what chance draws in another order on a device."""
    rows = batcher(pack)
    rows.fixed = FixedShapes(clips, tokens=11, audio=torch.from_numpy(pack.audio))
    return rows


def test_a_batch_filled_up_on_the_device_is_the_batch_and_clips_of_no_frames() -> None:
    """Laid by look-up, drawn without asking, in shapes that do not depend on what is in it: the same numbers."""
    pack = packed(90)
    batches = plan_rows(list(fill_rows(pack.clips, batcher(pack).sounding, ROW_S, seed=1, fastest=1.25)), 3, seed=1)
    for seed, rows in enumerate(batches[:3]):
        plain, filled = batcher(pack).batch(rows, seed), fixed(pack, 40).batch(rows, seed)
        assert filled.targets.shape == (40, 11)
        assert torch.allclose(plain.features, filled.features, atol=2e-3)
        count, width = plain.targets.shape
        assert torch.equal(plain.targets, filled.targets[:count, :width])
        assert torch.equal(plain.cuts.frames, filled.cuts.frames[:count])
        assert torch.equal(plain.cuts.start, filled.cuts.start[:count])
        assert not filled.cuts.frames[count:].any()
        assert not filled.tokens[count:].any()


def test_rows_are_laid_alike_here_and_on_the_device() -> None:
    pack = packed(90)
    rows = list(fill_rows(pack.clips, batcher(pack).sounding, ROW_S, seed=2, fastest=1.25))
    same = [row for row in rows if row.size == rows[0].size]
    here, there = batcher(pack), fixed(pack, 40)
    placed = [here.placed(row, random.Random(number)) for number, row in enumerate(same)]
    assert there.fixed is not None
    assert torch.equal(here.laid_here(same, placed), there.laid_there(same, placed, there.fixed))


def test_a_batch_with_more_clips_than_its_shape_has_room_for_leaves_the_last_out() -> None:
    pack = packed()
    rows = list(fill_rows(pack.clips, batcher(pack).sounding, ROW_S, seed=1))[:4]
    batch = fixed(pack, 5).batch(rows, seed=1)
    assert len(batch.tokens) == 5 < sum(len(row.clips) for row in rows)
    assert len(batch.features) == 4


def gradients(batch: RowBatch) -> tuple[list[float], list[Any]]:
    """Losses of a small network, and what each parameter is to learn from them."""
    model = small()
    encoded, _ = model.encoder(batch.features, batch.lengths, 16, 64)
    found = losses(model, batch.cuts.of(encoded), batch.cuts.frames, batch.targets, batch.tokens, band=4)
    torch.stack([part.sum() for part in found]).sum().backward()
    return [float(part.detach().sum()) for part in found], [p.grad for p in model.parameters() if p.grad is not None]


def test_a_batch_filled_up_has_the_same_losses_and_gradients() -> None:
    pack = packed()
    rows = list(fill_rows(pack.clips, batcher(pack).sounding, ROW_S, seed=1))[:3]
    plain = batcher(pack).batch(rows, seed=3)
    filled = replace(fixed(pack, 24).batch(rows, seed=3), features=plain.features)
    (before, steep), (after, steep_too) = gradients(plain), gradients(filled)
    assert after == pytest.approx(before, rel=1e-5)
    rounding = 6e-8 * max(float(one.abs().max()) for one in steep)  # one bit of a float32
    for one, other in zip(steep, steep_too, strict=True):
        assert torch.allclose(one, other, atol=1e-4 * float(one.abs().max()) + rounding)


def test_a_clip_cut_from_a_row_has_the_loss_of_its_own_frames() -> None:
    model, targets, tokens = small(), torch.tensor([[1, 2, 3], [4, 5, 0]]), torch.tensor([3, 2])
    encoded = torch.randn(1, 40, 32)
    cuts = Cuts(torch.tensor([0, 0]), torch.tensor([0, 25]), torch.tensor([25, 15]), longest=25)
    acoustic, joint = losses(model, cuts.of(encoded), cuts.frames, targets, tokens, band=0)
    for number, part in enumerate((encoded[:, :25], encoded[:, 25:])):
        own = slice(number, number + 1)
        alone = losses(model, part, cuts.frames[own], targets[own, : int(tokens[number])], tokens[own], band=0)
        assert torch.allclose(torch.stack([acoustic[number], joint[number]]), torch.cat(alone), atol=1e-3)


def test_a_telephone_passes_its_band_alone_and_8_khz_what_lies_below_four() -> None:
    t = torch.arange(RATE) / RATE
    tones = {hz: 0.3 * (2 * torch.pi * hz * t).sin().unsqueeze(0) for hz in (100, 1000, 3900, 6000)}
    kept = {hz: float(telephone(tone, 300.0, 3400.0).square().mean().sqrt() / 0.212) for hz, tone in tones.items()}
    assert kept[100] < 0.05
    assert kept[1000] == pytest.approx(1.0, abs=0.05)
    assert kept[6000] < 0.01
    narrow = {hz: float(narrow_band(tone).square().mean().sqrt() / 0.212) for hz, tone in tones.items()}
    assert narrow[3900] == pytest.approx(1.0, abs=0.02)
    assert narrow[6000] < 0.01


def test_rows_stay_within_full_scale_and_on_the_grid_of_16_bits() -> None:
    loud = Channel(driven=1.0, faint=0.0)
    samples = 0.1 * torch.randn(4, RATE, generator=torch.Generator().manual_seed(0))
    heard = through(samples, Surroundings(torch.zeros(0), torch.zeros(0, 8)), torch.zeros(0), loud, Chance(1, CPU))
    assert heard.abs().max() <= 1.0
    assert torch.equal((heard * 32768).round(), heard * 32768)
    assert (heard.abs() > 0.99).float().mean() > 0.01


def test_a_grown_network_says_nearly_what_it_said(tmp_path: Path) -> None:
    old = small()
    path = save_weights(tmp_path, old, 1, keep=1)
    new = grow(path, tmp_path / "grown.pt", (1, 2, 2, 2, 2, 1)).eval()
    assert new.settings.layers == (1, 2, 2, 2, 2, 1)
    features, lengths = torch.randn(1, 200, 80) - 7, torch.tensor([200])
    before, after = (model.encoder(features, lengths, 16, 64)[0] for model in (old, new))
    assert (after - before).square().mean() < 0.05 * before.square().mean()
    with pytest.raises(ValueError, match="not those of a deeper network"):
        grow(path, tmp_path / "grown.pt", (0, 2, 2, 2, 2, 1))


def test_an_average_follows_slowly_and_stands_in_for_a_while() -> None:
    model = torch.nn.Linear(1, 1, bias=False)
    torch.nn.init.zeros_(model.weight)
    flat = FlatParameters(model)
    average = MovingAverage(flat, 0.99)
    torch.nn.init.ones_(model.weight)
    for step in range(10_000, 10_050):
        average.update(step)
    with average.in_place():
        assert 0.3 < model.weight.item() < 0.5
    assert model.weight.item() == 1.0
    with MovingAverage(flat, 0.0).in_place():
        assert model.weight.item() == 1.0
