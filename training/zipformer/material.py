"""What a run hears: which clips of a pack, in which batches of which epoch, and how they become features."""

import math
import random
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor

import torch

from training.zipformer.data.batches import Batch, Batcher, feasible, plan_epoch, stretches
from training.zipformer.data.pack import Clip, Pack
from training.zipformer.data.row_batches import FixedShapes, RowBatch, RowBatcher
from training.zipformer.data.rows import Row, fill_rows, plan_rows
from training.zipformer.data.units import Units
from training.zipformer.settings import TrainSettings

WORDS_ALONE = "speech-commands"
REPEATED = 4
"""Times in an epoch for recordings of single words: wake words and commands are said alone, sentences are not."""
MANY_PEOPLE = ("commonvoice", "libri-251")
"""How the names of corpora begin that come twice in an epoch: hundreds of people, most for a clip or two. After 675 h
the loss of training clips lay .08 nats below that of dev speakers there, .13 with 20 readers, .29 with 105 learners."""
FOUR_WORDS = "speechcommands-yes-no-up-down"
MOST_FOUR_WORDS = 200
"""Of 12,107 recordings of yes, no, up and down, drawn anew for each epoch: with 1,200 of them, which made every second
word said alone one of the four, a third of those who said OFF were heard as UP."""
APART = frozenset({FOUR_WORDS, "custom-keywords"})
"""Dev corpora of single words; without them the dev loss means what it meant for earlier models."""
NOISE_S = 14.0
"""Recorded noise is trained on in stretches of at most this length, with nothing to say."""
ROOM_FOR_MORE = 1.2
"""Clips that shapes are fixed for, for each in the fullest batch of the first epoch; what is more is left out."""


class Material:
    """The clips of a pack that can be trained on, as batches of padded clips or of filled rows."""

    def __init__(self, pack: Pack, units: Units, settings: TrainSettings, device: torch.device, bins: int) -> None:
        self.settings = settings
        self._loud = Batcher(pack, units, settings.augment, device, bins)
        self.plain = self._loud.without_augmentation()
        said = [clip for clip in pack.of("train") if self._usable(clip)]
        alone = [clip for clip in said if clip.corpus == WORDS_ALONE]
        many = [clip for clip in said if clip.corpus.startswith(MANY_PEOPLE)]
        self._train = [*said, *many, *alone * (REPEATED - 1), *stretches(pack.of("noise"), NOISE_S)]
        self.dev = [clip for clip in pack.of("dev") if clip.corpus not in APART and self._usable(clip)]
        self._planner = ThreadPoolExecutor(1)
        self._planned: Future[Sequence[Sequence[Clip] | Sequence[Row]]] | None = None
        self._planned_epoch = -1
        self.rows: RowBatcher | None = None
        if settings.row_seconds:
            self.rows = RowBatcher(pack, units, settings.channel, device, bins=bins, seconds=settings.row_seconds)

    def plan(self, epoch: int, together: int) -> Sequence[Sequence[Clip] | Sequence[Row]]:
        """Give the batches of an epoch; `together` of them are trained on at once."""
        clips, settings, seed = self._of_epoch(epoch), self.settings, self.settings.seed + epoch
        if self.rows is not None:
            speed = settings.channel.fastest
            rows = list(fill_rows(clips, self.rows.sounding, settings.row_seconds, seed, fastest=speed))
            return plan_rows(rows, max(1, int(settings.batch_seconds / settings.row_seconds)), seed)
        short = [clip for clip in clips if clip.seconds <= settings.short_s]
        chosen = clips if epoch or not short or not settings.listen else short
        return plan_epoch(chosen, settings.batch_seconds, seed, together)

    def plan_ahead(self, epoch: int, together: int) -> Sequence[Sequence[Clip] | Sequence[Row]]:
        """Give the batches of an epoch as `plan` does, and begin to plan the next one: on a GPU it comes in seconds."""
        known = self._planned if self._planned_epoch == epoch else None
        batches = known.result() if known is not None else self.plan(epoch, together)
        self._planned, self._planned_epoch = self._planner.submit(self.plan, epoch + 1, together), epoch + 1
        return batches

    def fix_shapes(self) -> None:
        """Fill every batch of rows up to one shape from now on, laid on the device."""
        if self.rows is None:
            raise ValueError("only rows can be laid in batches of one shape: say how long they are (--row-seconds)")
        fullest = max(sum(len(row.clips) for row in rows if isinstance(row, Row)) for rows in self.plan(0, 1))
        most = math.ceil(ROOM_FOR_MORE * fullest / 8) * 8
        self.rows.fixed = FixedShapes(most, max(map(len, self.rows.targets.values())), self.plain.audio)

    def batch(self, clips: Sequence[Clip] | Sequence[Row], seed: int, *, plain: bool) -> Batch | RowBatch:
        """Load what was planned; `plain` leaves clips as recorded."""
        if self.rows is not None:
            return self.rows.batch([row for row in clips if isinstance(row, Row)], seed)
        return (self.plain if plain else self._loud).batch([clip for clip in clips if isinstance(clip, Clip)], seed)

    def _usable(self, clip: Clip) -> bool:
        tokens = len(self._loud.targets(clip))
        return tokens > 0 and feasible(clip, tokens, self.settings.longest_s)

    def _of_epoch(self, epoch: int) -> list[Clip]:
        """All clips, but of the four words only so many."""
        four = [clip for clip in self._train if clip.corpus == FOUR_WORDS]
        drawn = random.Random(epoch).sample(four, min(MOST_FOUR_WORDS, len(four)))
        return [*(clip for clip in self._train if clip.corpus != FOUR_WORDS), *drawn]
