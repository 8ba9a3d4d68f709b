"""Sound of any kind → pieces at 16 kHz that the encoder can take at once."""

import io
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import soundfile
import soxr
import torch
from transformers import AutoConfig

from training.tiny_audio.shipped.encoders_tiny_audio import RATE_HZ
from training.tiny_audio.shipped.modeling_tiny_audio import open_tokenizer

QUIET_S = 0.1
"""Over so much a pause is looked for."""
LAST_PART = 0.5
"""Of a piece, where its end is looked for."""


class TinyAudioProcessor:
    """Sound in, what `generate` takes out; and back from tokens to text."""

    def __init__(self, tokenizer: Any) -> None:
        self.tokenizer = tokenizer

    @classmethod
    def from_pretrained(cls, pretrained_model_name_or_path: str, **_: Any) -> "TinyAudioProcessor":
        """With the tokenizer of the decoder that the directory names."""
        config = AutoConfig.from_pretrained(pretrained_model_name_or_path, trust_remote_code=True)
        return cls(open_tokenizer(config.place(config.decoder)))

    @classmethod
    def register_for_auto_class(cls, *_: Any) -> None:
        """AutoProcessor asks for it; there is nothing to remember."""

    def __call__(self, audio: Any, sampling_rate: int = RATE_HZ, **_: Any) -> dict[str, torch.Tensor]:
        """One sound or several, whole: `input_values` (B, N) and `lengths` (B,)."""
        sounds = [read_sound(each, sampling_rate) for each in (audio if isinstance(audio, list | tuple) else [audio])]
        return padded(sounds)

    def decode(self, ids: Any) -> str:
        """The text of one."""
        return " ".join(str(self.tokenizer.decode(ids, skip_special_tokens=True)).split())

    def batch_decode(self, ids: Sequence[Any]) -> list[str]:
        """The text of each."""
        return [self.decode(each) for each in ids]


def padded(sounds: Sequence[Any]) -> dict[str, torch.Tensor]:
    """As one array, and how much of it each is."""
    values = torch.zeros(len(sounds), max(map(len, sounds)))
    for row, sound in zip(values, sounds, strict=True):
        row[: len(sound)] = torch.from_numpy(sound)
    return {"input_values": values, "lengths": torch.tensor([len(sound) for sound in sounds])}


def read_sound(given: Any, rate_hz: int = RATE_HZ) -> Any:
    """Mono float32 (n,) at 16 kHz of a path, the bytes of a file, samples, or a mapping of samples and their rate.

    Raises:
        ValueError: it is nothing of these, holds no sound, or values that are no numbers.
    """
    if isinstance(given, Mapping):
        if "sampling_rate" not in given or not {"raw", "array"} & set(given):
            raise ValueError('a mapping needs "raw" (or "array") and "sampling_rate"')
        samples, rate_hz = given.get("raw", given.get("array")), int(given["sampling_rate"])
    elif isinstance(given, str | Path | bytes):
        file = io.BytesIO(given) if isinstance(given, bytes) else Path(given).expanduser()
        try:
            samples, rate_hz = soundfile.read(file, dtype="float32")
        except (OSError, soundfile.LibsndfileError) as error:
            raise ValueError(f"{'sound' if isinstance(given, bytes) else given}: cannot be read: {error}") from error
    else:
        samples = given
    samples = np.asarray(samples.cpu() if isinstance(samples, torch.Tensor) else samples)
    if samples.dtype.kind == "i":
        samples = samples / -float(np.iinfo(samples.dtype).min)
    if samples.dtype.kind != "f" or samples.ndim not in {1, 2} or not samples.size:
        raise ValueError(f"sound: {samples.dtype} of shape {samples.shape}: give samples (n,) or (n, channels)")
    mono = samples.astype(np.float32) if samples.ndim == 1 else samples.mean(axis=1, dtype=np.float32)
    if not np.isfinite(mono).all():
        raise ValueError("sound: holds values that are no numbers")
    return mono if rate_hz == RATE_HZ else np.asarray(soxr.resample(mono, rate_hz, RATE_HZ), np.float32)


def pieces(sound: Any, longest_s: float) -> Iterator[Any]:
    """Sound cut where it is most quiet in the second half of what may be one piece; nothing is left out or twice."""
    longest = int(longest_s * RATE_HZ)
    step = int(QUIET_S * RATE_HZ)
    while len(sound) > longest:
        first = int((1 - LAST_PART) * longest)
        power = np.square(sound[first:longest])
        sums = power[: len(power) // step * step].reshape(-1, step).sum(1)
        cut = first + int(sums.argmin()) * step + step // 2
        yield sound[:cut]
        sound = sound[cut:]
    yield sound
