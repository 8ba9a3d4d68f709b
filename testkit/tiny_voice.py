"""The voice of the tiny model: every piece of its vocabulary is one low and one high mel band sounding together."""

from collections.abc import Sequence
from functools import cache
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray
from sentencepiece import SentencePieceProcessor, sentencepiece_model_pb2

Floats = NDArray[np.float32]

BLANK = "<blk>"
UNKNOWN = "<unk>"
SPECIALS = (BLANK, "<sos/eos>", UNKNOWN)
LETTERS = tuple("▁ABCDEFGHIJKLMNOPQRSTUVWXYZ'")
DOUBLES = ("LL", "EE", "OO", "SS", "TT")
WORDS = ("▁LIGHT", "▁TURN", "▁ON", "▁OFF", "▁UP", "▁DOWN", "▁THE", "▁HEY")
STARTS = ("▁S", "▁T", "▁L", "▁C", "▁P", "▁O", "▁A", "▁M")
PARTS = ("IGHT", "ING", "ER", "OR", "AR", "ON", "EN", "IN", "AN", "TH", "CH", "LE")
TOKENS = SPECIALS + LETTERS + DOUBLES + WORDS + STARTS + PARTS
"""All 64 symbols; the index is the token id."""

BANDS = 8
LOW_BINS = range(16, 48, 4)  # mel bins, 500 to 2100 Hz
HIGH_BINS = range(50, 82, 4)  # mel bins, 2650 to 7100 Hz

MEL_BINS = 80


def speak(
    what: str | Sequence[str],
    *,
    token_s: float = 0.16,
    gap_s: float = 0.04,
    lead_s: float = 0.0,
    tail_s: float = 0.0,
    amplitude: float = 0.2,
    noise: float = 0.0,
    seed: int = 0,
) -> Floats:
    """A phrase (upper case) or its pieces → sound, float32 (n,), 16 kHz.

    Each piece sounds for `token_s` and is followed by `gap_s` of silence; `lead_s` and `tail_s` of silence go around
    the whole. `amplitude` is that of each of the two tones, `noise` the rms of white noise over everything (the model
    hears well up to 0.05 at the default amplitude). The same piece twice in a row cannot be heard and is refused.
    """
    spoken = pieces(what) if isinstance(what, str) else tuple(what)
    if any(one == other for one, other in pairwise(spoken)):
        raise ValueError(f"the tiny model cannot hear the same piece twice in a row: {' '.join(spoken)}")
    parts = [silence(lead_s)]
    for piece in spoken:
        parts += [dual_tone(piece, token_s, amplitude), silence(gap_s)]
    return with_noise(np.concatenate([*parts, silence(tail_s)]), noise, seed)


def pieces(phrase: str) -> tuple[str, ...]:
    """How the model's own sentencepiece writes a phrase."""
    return tuple(_processor().encode(phrase, out_type=str))


def silence(duration_s: float) -> Floats:
    """Digital silence."""
    return np.zeros(round(duration_s * 16_000), np.float32)


def with_noise(samples: Floats, rms: float, seed: int = 0) -> Floats:
    """The same sound with white noise of the given rms added."""
    noise = np.random.default_rng(seed).standard_normal(samples.size) * rms
    return (samples + noise).astype(np.float32)


def dual_tone(piece: str, duration_s: float, amplitude: float) -> Floats:
    """The sound of one piece, faded over 5 ms at both ends."""
    low, high = bands_of(TOKENS.index(piece))
    time = np.arange(round(duration_s * 16_000)) / 16_000
    tones = sum(np.sin(2 * np.pi * _centre_hz(mel_bin) * time) for mel_bin in (LOW_BINS[low], HIGH_BINS[high]))
    edge = np.minimum(time, time[::-1]) / 0.005
    return np.asarray(amplitude * tones * np.minimum(edge, 1), np.float32)


def bands_of(token: int) -> tuple[int, int]:
    """Token id → which low and which high band it sounds in."""
    return divmod(token, BANDS)


def _centre_hz(mel_bin: int) -> float:
    lowest, highest = (1127 * np.log(1 + hz / 700) for hz in (20, 7600))
    mel = lowest + (highest - lowest) * (mel_bin + 1) / (MEL_BINS + 1)
    return float(700 * (np.exp(mel / 1127) - 1))


@cache
def _processor() -> SentencePieceProcessor:
    return SentencePieceProcessor(model_proto=sentencepiece_model())


def sentencepiece_model() -> bytes:
    """A unigram model of exactly `TOKENS`: the longer a piece, the likelier."""
    model = sentencepiece_model_pb2.ModelProto()
    model.trainer_spec.model_type = model.trainer_spec.UNIGRAM
    model.trainer_spec.vocab_size = len(TOKENS)
    model.trainer_spec.unk_id, model.trainer_spec.bos_id, model.trainer_spec.eos_id = 2, -1, -1
    model.normalizer_spec.name = "identity"
    for token in TOKENS:
        kind = "UNKNOWN" if token == UNKNOWN else "USER_DEFINED" if token in SPECIALS else "NORMAL"
        model.pieces.add(piece=token, score=-5.0 + 0.1 * len(token), type=model.SentencePiece.Type.Value(kind))
    return bytes(model.SerializeToString())
