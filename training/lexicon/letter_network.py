"""Train the network that reads unknown words letter by letter (`kwsd.text.letter_network` says what it is)."""

import random
from collections.abc import Iterator, Mapping, Sequence

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy, pad
from torch.nn.utils import clip_grad_norm_
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence, pad_sequence

from kwsd.text.letter_network import BACKWARDS, FORWARDS, LETTERS, LetterWeights
from kwsd.text.letter_sounds import Sound
from training.lexicon.letter_alignment import Alignment, Entry
from training.zipformer.progress import progress

UNITS, LETTER_SIZE, SOUND_SIZE = 96, 32, 32
DROPOUT = 0.15
FORGOTTEN = 0.1
"""Share of the sounds before a letter that are replaced by any other in training, for a beam errs as well."""
SMOOTHING = 0.05
BATCH, EPOCHS, RATE = 256, 10, 4e-3

Example = tuple[Tensor, Tensor]
"""Letters from 1 on, and the numbers of their sounds, also from 1 on; 0 is what lies before and behind a word."""


class Reader(nn.Module):
    """The network as it is trained."""

    def __init__(self, sounds: int) -> None:
        """Make one for so many sounds, the one before a word among them."""
        super().__init__()
        self.letters = nn.Embedding(1 + len(LETTERS), LETTER_SIZE, padding_idx=0)
        self.gru = nn.GRU(LETTER_SIZE, UNITS, 2, batch_first=True, bidirectional=True, dropout=DROPOUT)
        self.last, self.last_but_one = nn.Embedding(sounds, SOUND_SIZE), nn.Embedding(sounds, SOUND_SIZE)
        self.joint = nn.Linear(2 * UNITS + 2 * SOUND_SIZE, UNITS)
        self.output, self.dropout, self.sounds = nn.Linear(UNITS, sounds), nn.Dropout(DROPOUT), sounds

    def forward(self, letters: Tensor, lengths: Sequence[int], sounds: Tensor) -> Tensor:
        """Logits (N, T, sounds) of each letter's sound (N, T), longest words first."""
        packed = pack_padded_sequence(self.letters(letters), list(lengths), batch_first=True)
        read, _ = pad_packed_sequence(self.gru(packed)[0], batch_first=True)
        last, last_but_one = (self._forgetful(pad(sounds, (many, 0))[:, :-many]) for many in (1, 2))
        inputs = torch.cat([self.dropout(read), self.last(last), self.last_but_one(last_but_one)], dim=-1)
        logits: Tensor = self.output(self.dropout(torch.tanh(self.joint(inputs))))
        return logits

    def _forgetful(self, sounds: Tensor) -> Tensor:
        if not self.training:
            return sounds
        return torch.where(torch.rand(sounds.shape) < FORGOTTEN, torch.randint_like(sounds, self.sounds), sounds)


def train_network(aligned: Mapping[Entry, Alignment], *, epochs: int = EPOCHS, seed: int = 0) -> LetterWeights:
    """Learn from aligned words, about a minute of one processor for an epoch of CMUdict."""
    torch.manual_seed(seed)
    sounds = sorted({sound for alignment in aligned.values() for sound in alignment})
    numbers = {sound: number for number, sound in enumerate(sounds, start=1)}
    examples = [
        (
            torch.tensor([LETTERS.index(letter) + 1 for letter in word]),
            torch.tensor([numbers[each] for each in sounded]),
        )
        for (word, _), sounded in aligned.items()
    ]
    reader, choose = Reader(1 + len(sounds)), random.Random(seed)
    steps = epochs * max(1, len(examples) // BATCH)
    optimizer = torch.optim.AdamW(reader.parameters(), lr=RATE)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, RATE, total_steps=steps + 1, pct_start=0.1)
    for batch in progress(
        (each for _ in range(epochs) for each in _batches(examples, choose)), steps, "learns to read"
    ):
        _step(reader, batch, optimizer)
        schedule.step()
    return weights_of(reader, sounds)


def _batches(examples: Sequence[Example], choose: random.Random) -> Iterator[list[Example]]:
    """All examples, words of like length together; what is left over is left out."""
    ordered = sorted(examples, key=lambda example: len(example[0]) + 2 * choose.random())
    size = min(BATCH, len(ordered))
    starts = [place * size for place in range(len(ordered) // size)]
    choose.shuffle(starts)
    for start in starts:
        yield sorted(ordered[start : start + size], key=lambda example: -len(example[0]))


def _step(reader: Reader, batch: Sequence[Example], optimizer: torch.optim.Optimizer) -> None:
    letters, sounds = (pad_sequence(list(each), batch_first=True) for each in zip(*batch, strict=True))
    logits = reader(letters, [len(word) for word, _ in batch], sounds)
    loss = cross_entropy(logits[letters > 0], sounds[letters > 0], label_smoothing=SMOOTHING)
    optimizer.zero_grad()
    loss.backward()
    clip_grad_norm_(reader.parameters(), 1.0)
    optimizer.step()


def weights_of(reader: Reader, sounds: Sequence[Sound]) -> LetterWeights:
    """As `kwsd.text.letter_network` takes them: what only letters or sounds decide is multiplied out."""
    arrays: dict[str, Tensor] = {}
    for layer, names in enumerate(zip(FORWARDS, BACKWARDS, strict=True)):
        for name, suffix in zip(names, ("", "_reverse"), strict=True):
            given, recurrent, bias, hidden_bias = (
                getattr(reader.gru, f"{kind}_l{layer}{suffix}")
                for kind in ("weight_ih", "weight_hh", "bias_ih", "bias_hh")
            )
            arrays[f"{name}.input"] = given.T if layer else reader.letters.weight[1:] @ given.T
            arrays[f"{name}.bias"] = torch.cat([bias[: 2 * UNITS] + hidden_bias[: 2 * UNITS], bias[2 * UNITS :]])
            arrays[f"{name}.recurrent"], arrays[f"{name}.hidden_bias"] = recurrent.T, hidden_bias[2 * UNITS :]
    read, last, last_but_one = reader.joint.weight.split([2 * UNITS, SOUND_SIZE, SOUND_SIZE], dim=1)
    arrays |= {"joint": read.T, "joint_bias": reader.joint.bias}
    arrays |= {"last": reader.last.weight @ last.T, "last_but_one": reader.last_but_one.weight @ last_but_one.T}
    arrays |= {"output": reader.output.weight.T, "output_bias": reader.output.bias}
    return LetterWeights(((), *sounds), {name: values.detach().numpy() for name, values in arrays.items()})
