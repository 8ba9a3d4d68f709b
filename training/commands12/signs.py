"""Finds the weights of the signs that tell a command said on its own from a word of a sentence.

Commands are those of the validation speakers, as pictures with gaps of hiss; what must not be taken for one is what the
model finds in running speech. Logistic regression, and the bias at which so much of the speech is taken for commands.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from kwsd.commands12.decisions import Decisions, class_thresholds
from kwsd.commands12.frontend import SHIFT_SAMPLES, WINDOW_SAMPLES, FloatArray, mel_power, pixels
from kwsd.commands12.isolation import signs_of_a_command
from kwsd.commands12.model import FixedModel
from kwsd.commands12.networks import make_network
from kwsd.commands12.second import SecondOpinion
from kwsd.commands12.timing import decision_settings
from kwsd.config.settings import FixedWords
from kwsd.timebase import SAMPLE_RATE
from measure.command_streams import COMMAND_GAP_S, HISS, Piece, is_near
from measure.commands import WORDS
from measure.scoring import Hit
from training.commands12.sheets import Sheets
from training.commands12.thresholds import BLOCK_ROWS, FRAME_S, LEAST, Posteriors

SEED = 56
SPOKEN_GREY = 2.0  # mean of a frame; less is what a picture was filled up with
ROUNDS = 60
RIDGE = 1.0


@dataclass(frozen=True)
class Weights:
    """A command is what reaches the bias."""

    weights: FloatArray
    bias: float
    recall: float
    """Part of the commands that do, of those that the model finds at all."""


def commands_said_alone(sheets: Sheets, split: str, count: int) -> tuple[FloatArray, list[Piece]]:
    """Grey frames (n, 40) of `count` commands with gaps, and where each is."""
    generator = np.random.default_rng(SEED)
    rows = [row for row, word in enumerate(sheets.words) if word in WORDS and sheets.splits[row] == split]
    parts: list[FloatArray] = []
    pieces = []
    position = 0
    for row in generator.permutation(rows)[:count]:
        size = int(generator.uniform(*COMMAND_GAP_S) * SAMPLE_RATE) // SHIFT_SAMPLES * SHIFT_SAMPLES
        hiss = generator.standard_normal(size + WINDOW_SAMPLES - SHIFT_SAMPLES) * HISS
        gap, picture = pixels(mel_power(hiss.astype(np.float32))), sheets.pictures[row].astype(np.float32)
        spoken = np.flatnonzero(picture.mean(axis=1) > SPOKEN_GREY)
        said = picture[spoken[0] : spoken[-1] + 1]
        begins, position = position + len(gap), position + len(gap) + len(said)
        parts += [gap, said]
        pieces.append(Piece(begins * FRAME_S, position * FRAME_S, frozenset({sheets.words[row]})))
    return np.concatenate(parts), pieces


def posteriors_of_frames(model: FixedModel, grey: FloatArray) -> Posteriors:
    """Run the model over frames (n, 40)."""
    network = make_network(model, FixedWords())
    blocks = [
        grey[start : start + network.block_frames]
        for start in range(0, len(grey) - network.block_frames + 1, network.block_frames)
    ]
    rows = np.concatenate([network.accept(block) for block in blocks])
    steps = tuple((step + 1) * network.step_frames for step in range(len(rows)))
    return Posteriors(steps, rows, grey[: len(blocks) * network.block_frames])


def found_in(model: FixedModel, heard: Posteriors) -> Iterator[tuple[Hit, FloatArray]]:
    """What the model finds at the lowest threshold, alone or not, and its signs."""
    timing = decision_settings(FixedWords(), model.engine, heard.frames[1] - heard.frames[0])
    second = SecondOpinion(model.engine)
    decisions = Decisions(class_thresholds(model.labels, model.words, dict.fromkeys(WORDS, LEAST), {}), timing)
    for first in range(0, len(heard.frames), BLOCK_ROWS):
        block = slice(first, first + BLOCK_ROWS)
        for decision in decisions.accept(heard.frames[block], heard.rows[block]):
            past = heard.past(decision.frame + timing.hold_frames)
            word = past.word_before(decision.frame)
            label = model.labels[decision.label]
            hit = Hit(label, word.end * FRAME_S, decision.frame * FRAME_S, decision.score, start_s=word.start * FRAME_S)
            own = signs_of_a_command(past, decision, word, model.labels, model.engine)
            yield hit, np.concatenate((own, second.signs(past, decision)))


def split_by_truth(found: list[tuple[Hit, FloatArray]], pieces: list[Piece]) -> tuple[FloatArray, FloatArray]:
    """Signs of what was said, and of what was not: (n, 8) each."""
    right = [any(hit.phrase in piece.words and is_near(hit, piece) for piece in pieces) for hit, _ in found]
    signs = np.array([each for _, each in found], np.float32).reshape(len(found), -1)
    return signs[np.array(right, bool)], signs[~np.array(right, bool)]


def weigh(commands: FloatArray, others: FloatArray, most_taken: int, fewest_kept: int) -> Weights:
    """Logistic regression of signs (n, 8).

    The bias lets `most_taken` of the others through; or fewer, as long as `fewest_kept` of the commands reach it.
    """
    signs = np.concatenate((commands, others)).astype(np.float64)
    is_one = np.repeat([1.0, 0.0], [len(commands), len(others)])
    middle, spread = signs.mean(axis=0), signs.std(axis=0) + 1e-6
    terms = np.concatenate(((signs - middle) / spread, np.ones((len(signs), 1))), axis=1)
    weights = np.zeros(terms.shape[1])
    for _ in range(ROUNDS):  # Newton's method
        share = 1.0 / (1.0 + np.exp(-np.clip(terms @ weights, -30, 30)))
        curve = (terms * (share * (1.0 - share) + 1e-6)[:, None]).T @ terms + RIDGE * np.eye(len(weights))
        weights += np.linalg.solve(curve, terms.T @ (is_one - share) - RIDGE * weights)
    own = np.round(weights[:-1] / spread, 2).astype(np.float32)
    taken, kept = np.sort(others @ own)[::-1], np.sort(commands @ own)[::-1]
    bias = float(np.ceil(100 * taken[most_taken]) / 100) if len(taken) > most_taken else -np.inf
    if 0 < fewest_kept <= len(kept):
        bias = max(bias, float(np.floor(100 * kept[fewest_kept - 1]) / 100))
    return Weights(own, bias, float((commands @ own >= bias).mean()))
