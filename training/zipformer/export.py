"""Export to ONNX in the layout of the public streaming Zipformer2 models, so that kwsd and sherpa-onnx load it.

Names, order, shapes and metadata of inputs and outputs are a contract (guide decoding.md, 1.3 to 1.5): `x`, then six
caches per layer, `embed_states`, `processed_lens`; the outputs are `encoder_out` and the same caches with `new_` in
front. The encoder has batch size 1, decoder and joiner any.
"""

import shutil
import warnings
from pathlib import Path
from typing import Any

import onnx
import torch
from torch import Tensor, nn

from kwsd.models.compact.encoder import build_encoder
from kwsd.models.compact.weights import EncoderShape, StackShape, Weights
from kwsd.models.directory import COMPACT, MATRICES
from kwsd.text.lexicon import KNOWN_WORDS, LETTER_NETWORK, LETTER_SOUNDS, LEXICON
from training.lexicon.lexicon import NOTICE
from training.zipformer import storage
from training.zipformer.checkpoint import load_model
from training.zipformer.model.encoder import EncoderState
from training.zipformer.model.frontend import TYPICAL_LEVEL, TYPICAL_SPREAD
from training.zipformer.model.layer import LayerCache
from training.zipformer.model.settings import (
    CONVOLUTION_LOSS,
    NEXT_CONTEXT,
    UPSTREAM_EMBED_CHANNELS,
    ModelSettings,
)
from training.zipformer.model.transducer import Decoder, Joiner, Transducer

INTERNAL_LM_SHARE = 0.3
"""How much of what the joiner expects whatever the sound is taken off (docs/decisions/0033)."""
LEFT_CONTEXT = 64
"""Inner frames (20 ms) of left context in the exported model."""
USUAL_CHUNK = 16
"""Inner frames per call in the graph that every model has: 320 ms."""
OPSET = 13
PIECES = ("bpe.model",)
PHONES = (LEXICON, LETTER_SOUNDS, NOTICE)
UNKNOWN_WORDS = (KNOWN_WORDS, LETTER_NETWORK)
"""Copied as well where they are."""
CACHE_NAMES = ("cached_key", "cached_nonlin_attn", "cached_val1", "cached_val2", "cached_conv1", "cached_conv2")


def segment_frames(chunk: int) -> int:
    """Fbank frames per call: the chunk itself and the look-ahead; 45 for 320 ms."""
    return 2 * chunk + CONVOLUTION_LOSS + 2 * NEXT_CONTEXT


def to_layout(cache: LayerCache) -> list[Tensor]:
    """Order the axes as the public layout does: (L, N, …), with a head axis in front for the nonlinear cache."""
    time_first = [x.transpose(0, 1) for x in (cache.key, cache.value1, cache.value2)]
    return [time_first[0], cache.nonlinear.unsqueeze(0), *time_first[1:], cache.conv1, cache.conv2]


def from_layout(tensors: list[Tensor]) -> LayerCache:
    """Undo `to_layout`."""
    key, nonlinear, value1, value2, conv1, conv2 = tensors
    key, value1, value2 = (x.transpose(0, 1) for x in (key, value1, value2))
    return LayerCache(key, nonlinear.squeeze(0), value1, value2, conv1, conv2)


class StreamingEncoder(nn.Module):
    """The encoder with the joiner's projection, as a function from (x, caches) to (frames, caches)."""

    def __init__(self, model: Transducer, left: int = LEFT_CONTEXT) -> None:
        super().__init__()
        self.encoder, self.encoder_proj, self.left = model.encoder, model.encoder_proj, left

    def forward(self, x: Tensor, *caches: Tensor) -> tuple[Tensor, ...]:
        """Encode one chunk; x (N, T, bins) and the caches of the layout; gives (N, chunk / 2, J) and new caches."""
        encoded, state = self.encoder.stream(x, self._state(list(caches)), self.left)
        return self.encoder_proj(encoded), *self._flat(state)

    def start(self) -> list[Tensor]:
        """Give the caches of a stream that has heard nothing."""
        return self._flat(self.encoder.empty_state(self.left, torch.zeros(1)))

    def _state(self, flat: list[Tensor]) -> EncoderState:
        caches, per_layer = [], len(CACHE_NAMES)
        for stack in self.encoder.stacks:
            caches.append([from_layout(flat[i * per_layer : (i + 1) * per_layer]) for i in range(len(stack.layers))])
            flat = flat[len(stack.layers) * per_layer :]
        embed, processed = flat
        return EncoderState(caches, embed[:, : self.encoder.encoder_embed.channels], processed)

    def _flat(self, state: EncoderState) -> list[Tensor]:
        flat = [tensor for stack in state.caches for cache in stack for tensor in to_layout(cache)]
        missing = UPSTREAM_EMBED_CHANNELS - state.embed.shape[1]  # sherpa-onnx takes 128 channels for granted
        return [*flat, nn.functional.pad(state.embed, (0, 0, 0, 0, 0, missing)), state.processed]


class SingleContext(nn.Module):
    """The decoder for one context per row: (N, 2) to (N, J)."""

    def __init__(self, decoder: Decoder) -> None:
        super().__init__()
        self.decoder = decoder

    def forward(self, y: Tensor) -> Tensor:
        """Project one context per row."""
        return self.decoder(y).squeeze(1)


class OpenJoiner(nn.Module):
    """The joiner, less a share of its internal language model (arXiv:2011.01991): what it answers to no sound at all.

    Names and rare words are what that expects least. The blank's logit stays, and so does what all other units
    together have in the mean.
    """

    def __init__(self, joiner: Joiner, share: float) -> None:
        super().__init__()
        self.joiner, self.share = joiner, share

    def forward(self, encoder_out: Tensor, decoder_out: Tensor) -> Tensor:
        """Join (N, J) and (N, J) into logits (N, vocabulary)."""
        expected = self.joiner(torch.zeros_like(decoder_out), decoder_out)[:, 1:].log_softmax(-1)
        usual = (expected.exp() * expected).sum(-1, keepdim=True)
        less = nn.functional.pad(expected - usual, (1, 0))
        return self.joiner(encoder_out, decoder_out) - self.share * less


def cache_names(settings: ModelSettings) -> list[str]:
    """Name every cache in order."""
    layers = range(sum(settings.layers))
    return [*(f"{name}_{i}" for i in layers for name in CACHE_NAMES), "embed_states", "processed_lens"]


def encoder_metadata(settings: ModelSettings, chunk: int) -> dict[str, str]:
    """Describe the encoder as decoders of the public layout read it; lists have one entry per stack."""

    def listed(values: Any) -> str:
        return ",".join(str(value) for value in values)

    stacks = range(len(settings.layers))
    return {
        "model_type": "zipformer2",
        "version": "1",
        "model_author": "kwsd",
        "comment": "streaming zipformer2",
        "decode_chunk_len": str(2 * chunk),
        "T": str(segment_frames(chunk)),
        "num_encoder_layers": listed(settings.layers),
        "encoder_dims": listed(settings.dimension for _ in stacks),
        "cnn_module_kernels": listed(settings.kernels),
        "left_context_len": listed(LEFT_CONTEXT // factor for factor in settings.downsampling),
        "query_head_dims": listed(settings.query_head for _ in stacks),
        "value_head_dims": listed(settings.value_head for _ in stacks),
        "num_heads": listed(settings.heads),
    }


def export(weights: Path, units: Path, output: Path, chunk: int = USUAL_CHUNK) -> None:
    """Write encoder, int8 encoder, decoder, joiner, and tokens with lexicon or BPE model into `output`.

    Beside them lie the weights for PyTorch, which `adapt` goes on from. The compact graph for 320 ms brings one for
    160 ms, which has its weights in common with it.

    Args:
        weights: of `train` or `average`.
        units: folder with tokens.txt, and bpe.model or the files of a lexicon.
        output: model directory.
        chunk: inner frames per call: 16 (320 ms) or 8 (160 ms).
    """
    model = load_model(weights).eval()
    output.mkdir(parents=True, exist_ok=True)
    storage.round_weights(model, output / storage.PACKAGED)
    _export_encoder(model, output / "encoder.onnx", chunk)
    _export_decoder(model, output / "decoder.onnx")
    _export_joiner(model, output / "joiner.onnx")
    storage.quantise(output / "encoder.onnx", output / "encoder.int8.onnx")
    storage.halve(output / "encoder.onnx")
    for path in (output / f"{part}.onnx" for part in ("encoder", "encoder.int8", "decoder", "joiner")):
        storage.shorten_names(path)
    graphs = {output / f"encoder{COMPACT}": compact_encoder(model, chunk)}
    if chunk == USUAL_CHUNK:
        graphs[output / f"encoder.160ms{COMPACT}"] = compact_encoder(model, chunk // 2)
    storage.save_compact(graphs, output / MATRICES)
    for name in ("tokens.txt", *_files_of_units(units)):
        shutil.copyfile(units / name, output / name)


def compact_encoder(model: Transducer, chunk: int, *, shorten: bool = True) -> onnx.ModelProto:
    """The graph that kwsd runs: the same frames as `encoder.onnx` at half the cost, for any number of streams.

    Raises:
        ValueError: front end and stacks have different activations.
    """
    settings = model.settings
    if settings.activation != settings.front_activation:
        raise ValueError("a compact graph has one activation in front end and stacks")
    stacks = tuple(
        StackShape(layers, factor, heads, settings.query_head, settings.value_head, settings.position_head, kernel)
        for layers, factor, heads, kernel in zip(
            settings.layers, settings.downsampling, settings.heads, settings.kernels, strict=True
        )
    )
    shape = EncoderShape(
        stacks=stacks,
        dimension=settings.dimension,
        chunk=chunk,
        left=LEFT_CONTEXT,
        activation="silu" if settings.activation == "silu" else "swoosh",
        input_scale=1.0 / TYPICAL_SPREAD,
        input_offset=-TYPICAL_LEVEL / TYPICAL_SPREAD,
    )
    arrays = {name: value.detach().float().numpy() for name, value in model.state_dict().items()}
    bypasses = {name: value.clip(0.2, 1.0) for name, value in arrays.items() if name.endswith(".scale")}
    return build_encoder(Weights(arrays | bypasses), shape, encoder_metadata(settings, chunk), shorten=shorten)


def _files_of_units(units: Path) -> tuple[str, ...]:
    if (units / PIECES[0]).exists():
        return PIECES
    return *PHONES, *(name for name in UNKNOWN_WORDS if (units / name).exists())


def _export_encoder(model: Transducer, path: Path, chunk: int) -> None:
    encoder, names = StreamingEncoder(model), cache_names(model.settings)
    x = torch.zeros(1, segment_frames(chunk), model.settings.mel_bins)
    outputs = ["encoder_out", *(f"new_{name}" for name in names)]
    _trace(encoder, (x, *encoder.start()), path, ["x", *names], outputs)
    storage.describe(path, encoder_metadata(model.settings, chunk))


def _export_decoder(model: Transducer, path: Path) -> None:
    settings = model.settings
    y = torch.zeros(1, settings.context, dtype=torch.int64)
    _trace(SingleContext(model.decoder), (y,), path, ["y"], ["decoder_out"], any_batch=True)
    storage.describe(path, {"context_size": str(settings.context), "vocab_size": str(settings.vocabulary)})


def _export_joiner(model: Transducer, path: Path) -> None:
    frame = torch.zeros(1, model.settings.joiner_dimension)
    joiner = OpenJoiner(model.joiner, INTERNAL_LM_SHARE)
    _trace(joiner, (frame, frame), path, ["encoder_out", "decoder_out"], ["logit"], any_batch=True)
    storage.describe(path, {"joiner_dim": str(model.settings.joiner_dimension)})


def _trace(
    module: nn.Module,
    example: tuple[Tensor, ...],
    path: Path,
    inputs: list[str],
    outputs: list[str],
    *,
    any_batch: bool = False,
) -> None:
    axes = {name: {0: "N"} for name in [*inputs, *outputs]} if any_batch else None
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # tracing fixes shapes, which is what is wanted here
        torch.onnx.export(
            module.eval(),
            example,
            str(path),
            input_names=inputs,
            output_names=outputs,
            dynamic_axes=axes,
            opset_version=OPSET,
            dynamo=False,
        )
