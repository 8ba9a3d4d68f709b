"""Frozen encoders: sound at 16 kHz → frames (T, C), each sound for itself, so that a batch changes nothing."""

from collections.abc import Sequence
from importlib import import_module
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import torch
from torch import nn
from transformers import AutoConfig, AutoModel, WhisperFeatureExtractor

RATE_HZ = 16_000
BEHIND_S = 0.5
"""Whisper knows the end of speech by the silence behind it."""
CHUNK_SAMPLES = 5_120


class Encoder(Protocol):
    """One of those below."""

    size: int
    """Numbers in a frame."""
    longest_s: float
    """Sound that it takes at once."""

    def encode(self, sounds: Sequence[Any]) -> list[torch.Tensor]:
        """Frames (T, C) of each sound, float32, on its device."""
        ...


def open_encoder(where: str) -> Encoder:
    """What lies there. Raises ValueError: it is of no kind that is known here."""
    if (Path(where) / "model.toml").exists() or list(Path(where).glob("*.onnx")):
        return KwsdFrames(where)
    kind = AutoConfig.from_pretrained(where).model_type
    if kind != "whisper":
        raise ValueError(f"encoder: {where}: is a {kind}; give the directory of a Whisper, or of a model of kwsd")
    return WhisperFrames(where)


class WhisperFrames(nn.Module):
    """Whisper's encoder over as much silence as its positions need not have: 50 frames a second."""

    def __init__(self, where: str) -> None:
        super().__init__()
        self.network = AutoModel.from_pretrained(where, dtype=torch.float32).encoder.eval().requires_grad_(False)
        self.features = WhisperFeatureExtractor.from_pretrained(where)
        self.positions = self.network.embed_positions.weight.detach()
        config = self.network.config
        self.size = config.d_model
        self.frame_samples = 2 * self.features.hop_length
        self.longest_s = config.max_source_positions * self.frame_samples / RATE_HZ - BEHIND_S

    @torch.no_grad()
    def encode(self, sounds: Sequence[Any]) -> list[torch.Tensor]:
        """See Encoder. What lies behind `longest_s` is not heard."""
        return [self._frames(np.asarray(sound, np.float32)) for sound in sounds]

    def _frames(self, sound: Any) -> torch.Tensor:
        window_s = min(int(len(sound) / RATE_HZ + BEHIND_S) + 1, int(self.longest_s + BEHIND_S))
        padding = {"padding": "max_length", "max_length": window_s * RATE_HZ, "truncation": True}
        heard = self.features(sound, sampling_rate=RATE_HZ, return_tensors="pt", **padding).input_features
        device = self.network.conv1.weight.device
        count = heard.shape[-1] // 2  # the network insists on as many frames as it has positions
        self.network.config.max_source_positions = count
        self.network.embed_positions = nn.Embedding.from_pretrained(self.positions[:count].to(device))
        frames: torch.Tensor = self.network(heard.to(device)).last_hidden_state[0]
        return frames[: -(-len(sound) // self.frame_samples)]


class KwsdFrames:
    """The frames in which a model of kwsd searches: 25 a second. Needs kwsd itself."""

    longest_s = 30.0

    def __init__(self, where: str) -> None:
        # By name: transformers refuses a directory whose files import what is not installed, and Whisper needs no kwsd.
        self._stream, self._chunk = (
            import_module("kwsd.acoustic.stream").AcousticStream,
            import_module("kwsd.stream").Chunk,
        )
        self._model = import_module("kwsd.acoustic.model").Model.load(Path(where))
        self.size = self.encode([np.zeros(RATE_HZ, np.float32)])[0].shape[1]

    def encode(self, sounds: Sequence[Any]) -> list[torch.Tensor]:
        """See Encoder."""
        return [self._frames(np.asarray(sound, np.float32)) for sound in sounds]

    def _frames(self, sound: Any) -> torch.Tensor:
        stream, heard = self._stream(self._model), []
        for start in range(0, len(sound), CHUNK_SAMPLES):
            heard += stream.push(self._chunk(start, sound[start : start + CHUNK_SAMPLES], ""))
        heard += stream.finish()
        return torch.from_numpy(
            np.concatenate([frames.encoder_out for frames in heard if frames.encoder_out is not None])
        )
