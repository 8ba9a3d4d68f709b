"""A tiny model in the layout of upstream's streaming Zipformer2 export, and the voice it understands.

Its "phonemes" are dual tones, see tiny_voice: `speak("LIGHTS ON")` renders a phrase, and the model that
`build_tiny_model` writes hears it with posteriors above 0.99. The graphs are made by hand and hold no random number,
so every build is the same and nothing is downloaded.

What makes it a fair stand-in for the real thing:

- names, order, shapes and metadata of inputs and outputs are upstream's (T = 45, 32 frames a call, 39 caches and
  counts; dimensions are small), so sherpa-onnx runs it as well;
- a tone counts once it has lasted three encoder frames, and what lies before the chunk is known from the caches alone:
  lose a single one of them, or `processed_lens`, and tones that straddle a chunk border are missed;
- the joiner writes a token once: while its tone goes on, the decoder's memory of the last token turns it to blank.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from testkit.tiny_voice import (
    BANDS,
    BLANK,
    HIGH_BINS,
    LOW_BINS,
    MEL_BINS,
    SPECIALS,
    TOKENS,
    Floats,
    bands_of,
    pieces,
    sentencepiece_model,
    silence,
    speak,
    with_noise,
)

__all__ = ["TOKENS", "Floats", "build_tiny_model", "pieces", "silence", "speak", "with_noise"]

FRAMES_IN = 45
FRAMES_ADVANCE = 32
FRAMES_OUT = 8
FIRST_FRAME = 3  # encoder frame t looks at fbank frames 4 t + 3 to 4 t + 5: centred on 4 t + 4, as upstream's
FLOOR = -8.0  # nats: anything fainter counts as silence
HEARD_NATS = 3.0  # how far a sounding band stands above the mean of its group
LEADING_NATS = 2.0  # how little it may be below the loudest of its group
STEEPNESS = 4.0
LONG_ENOUGH = 3  # encoder frames

LAYERS = 6
LEFT_CONTEXT = (16, 8, 4, 2, 4, 8)
KERNELS = (31, 31, 15, 15, 15, 31)
DIM = 2 * BANDS  # every cache holds the bands of the latest frames
NONLIN_DIM = 3 * DIM // 4
HEADS, HEAD_DIM = 4, DIM // 4
EMBED_SHAPE = (128, 3, 19)  # upstream's, which sherpa-onnx takes for granted
PROCESSED_PER_CALL = 16  # frames at 50 Hz

METADATA = {
    "model_type": "zipformer2",
    "version": "1",
    "model_author": "kwsd tests",
    "comment": "tiny dual-tone model",
    "decode_chunk_len": str(FRAMES_ADVANCE),
    "T": str(FRAMES_IN),
    "num_encoder_layers": ",".join(["1"] * LAYERS),
    "encoder_dims": ",".join([str(DIM)] * LAYERS),
    "cnn_module_kernels": ",".join(map(str, KERNELS)),
    "left_context_len": ",".join(map(str, LEFT_CONTEXT)),
    "query_head_dims": ",".join([str(HEAD_DIM)] * LAYERS),
    "value_head_dims": ",".join([str(HEAD_DIM)] * LAYERS),
    "num_heads": ",".join([str(HEADS)] * LAYERS),
}


def build_tiny_model(directory: Path) -> Path:
    """Write encoder.onnx, decoder.onnx, joiner.onnx, tokens.txt and bpe.model into `directory`; return it."""
    directory.mkdir(parents=True, exist_ok=True)
    onnx.save(encoder(), directory / "encoder.onnx")
    onnx.save(decoder(), directory / "decoder.onnx")
    onnx.save(joiner(), directory / "joiner.onnx")
    lines = (f"{token} {index}\n" for index, token in enumerate(TOKENS))
    (directory / "tokens.txt").write_text("".join(lines), encoding="utf-8")
    (directory / "bpe.model").write_bytes(sentencepiece_model())
    return directory


class Graph:
    """Collects nodes; every method returns the name of what it made."""

    def __init__(self) -> None:
        self.nodes: list[onnx.NodeProto] = []
        self.constants: list[onnx.TensorProto] = []
        self.inputs: list[onnx.ValueInfoProto] = []
        self.outputs: list[onnx.ValueInfoProto] = []

    def input(self, name: str, shape: Sequence[int | str], kind: int = TensorProto.FLOAT) -> str:
        self.inputs.append(helper.make_tensor_value_info(name, kind, shape))
        return name

    def constant(self, value: object, dtype: type = np.float32) -> str:
        name = f"constant_{len(self.constants)}"
        self.constants.append(numpy_helper.from_array(np.asarray(value, dtype), name))
        return name

    def op(self, kind: str, *inputs: str, **attributes: object) -> str:
        name = f"{kind.lower()}_{len(self.nodes)}"
        self.nodes.append(helper.make_node(kind, inputs, [name], name=name, **attributes))
        return name

    def cut(self, name: str, axis: int, start: int, end: int) -> str:
        """Python's name[..., start:end, ...] along one axis."""
        bounds = [self.constant([value], np.int64) for value in (start, end, axis)]
        return self.op("Slice", name, *bounds)

    def output(self, source: str, name: str, shape: Sequence[int | str], kind: int = TensorProto.FLOAT) -> None:
        self.nodes.append(helper.make_node("Identity", [source], [name], name=f"to_{name}"))
        self.outputs.append(helper.make_tensor_value_info(name, kind, shape))

    def model(self, metadata: dict[str, str]) -> onnx.ModelProto:
        graph = helper.make_graph(self.nodes, "tiny", self.inputs, self.outputs, self.constants)
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=7)
        helper.set_model_props(model, metadata)
        onnx.checker.check_model(model)
        return model


END = 2**31


def encoder() -> onnx.ModelProto:
    """Log-mel frames (N, 45, 80) and caches → encoder_out (N, 8, 64): 4 in the unit that sounds, else 0."""
    graph = Graph()
    x = graph.input("x", ("N", FRAMES_IN, MEL_BINS))
    shapes = dict(cache_shapes())
    for name, shape in shapes.items():
        graph.input(name, shape)
    graph.input("processed_lens", ("N",), TensorProto.INT64)
    bands = _sounding_bands(graph, x)
    units = _units(graph, graph.op("Concat", _history(graph, list(shapes)), bands, axis=2))
    graph.output(units, "encoder_out", ("N", FRAMES_OUT, len(TOKENS)))
    for name, shape in shapes.items():
        graph.output(_renewed(graph, name, shape, bands), f"new_{name}", shape)
    counted = graph.op("Add", "processed_lens", graph.constant([PROCESSED_PER_CALL], np.int64))
    graph.output(counted, "new_processed_lens", ("N",), TensorProto.INT64)
    return graph.model(METADATA)


def cache_shapes() -> Iterator[tuple[str, tuple[int | str, ...]]]:
    """Names and shapes of all caches but processed_lens, in upstream's order."""
    for layer, (left, kernel) in enumerate(zip(LEFT_CONTEXT, KERNELS, strict=True)):
        yield f"cached_key_{layer}", (left, "N", DIM)
        yield f"cached_nonlin_attn_{layer}", (1, "N", left, NONLIN_DIM)
        yield f"cached_val1_{layer}", (left, "N", DIM)
        yield f"cached_val2_{layer}", (left, "N", DIM)
        yield f"cached_conv1_{layer}", ("N", DIM, kernel // 2)
        yield f"cached_conv2_{layer}", ("N", DIM, kernel // 2)
    yield "embed_states", ("N", *EMBED_SHAPE)


def _sounding_bands(graph: Graph, x: str) -> str:
    """Log-mel frames (N, 45, 80) → (N, 16, 8): near 1 for the loudest band of a group if it stands out, else near 0."""
    seen = graph.op("Max", graph.cut(x, 1, FIRST_FRAME, FIRST_FRAME + 4 * FRAMES_OUT - 1), graph.constant(FLOOR))
    picture = graph.op("Unsqueeze", seen, graph.constant([1], np.int64))
    groups = [_sounding_group(graph, picture, bins) for bins in (LOW_BINS, HIGH_BINS)]
    return graph.op("Sigmoid", graph.op("Mul", graph.op("Concat", *groups, axis=1), graph.constant(STEEPNESS)))


def _sounding_group(graph: Graph, picture: str, bins: range) -> str:
    """(N, 1, 31, 80) → (N, 8, 8): nats by which a band is above what a sounding band must reach."""
    weights = np.zeros((BANDS, 1, 3, MEL_BINS), np.float32)
    weights[:, :, :, bins] = np.eye(BANDS)[:, None, None, :] / 3  # the mean of three frames
    loud = graph.op("Conv", picture, graph.constant(weights), strides=[4, 1])
    loud = graph.op("Squeeze", loud, graph.constant([3], np.int64))
    above_mean = graph.op("Sub", loud, graph.op("ReduceMean", loud, axes=[1]))
    below_best = graph.op("Sub", loud, graph.op("ReduceMax", loud, axes=[1]))
    stands_out = graph.op("Sub", above_mean, graph.constant(HEARD_NATS))
    return graph.op("Min", stands_out, graph.op("Add", below_best, graph.constant(LEADING_NATS)))


def _history(graph: Graph, names: list[str]) -> str:
    """The bands of the two frames before this chunk, (N, 16, 2): what every single cache agrees on."""
    rows = [graph.cut(name, 0, -2, END) for name in names if "key" in name or "val" in name]
    columns = [graph.cut(name, 2, -2, END) for name in names if "conv" in name]
    attended = [graph.cut(name, 2, -2, END) for name in names if "nonlin" in name]
    agreed = graph.op("Squeeze", graph.op("Min", *attended), graph.constant([0], np.int64))  # (N, 2, 12)
    padding = graph.constant([0, 0, 0, 0, 0, DIM - NONLIN_DIM], np.int64)
    widened = graph.op("Pad", agreed, padding, graph.constant(1.0))  # (N, 2, 16)
    embedded = graph.cut(graph.cut(graph.cut("embed_states", 1, 0, DIM), 2, -2, END), 3, -1, END)
    everything = (
        graph.op("Transpose", graph.op("Min", *rows), perm=[1, 2, 0]),
        graph.op("Min", *columns),
        graph.op("Transpose", widened, perm=[0, 2, 1]),
        graph.op("Squeeze", embedded, graph.constant([3], np.int64)),
    )
    return graph.op("Mul", graph.op("Min", *everything), _started(graph))


def _started(graph: Graph) -> str:
    """0 for a stream that has just begun, else 1; shape (N, 1, 1)."""
    begun = graph.op("Greater", "processed_lens", graph.constant([0], np.int64))
    return graph.op("Unsqueeze", graph.op("Cast", begun, to=TensorProto.FLOAT), graph.constant([1, 2], np.int64))


def _units(graph: Graph, bands: str) -> str:
    """Bands of 2 + 8 frames (N, 16, 10) → (N, 8, 64): both bands of the unit sounding for three frames."""
    shifted = [graph.cut(bands, 2, start, start + FRAMES_OUT) for start in range(LONG_ENOUGH)]
    lasting = graph.op("Min", *shifted)
    pairs = np.array([bands_of(token) for token in range(len(TOKENS))])
    low = graph.op("Gather", lasting, graph.constant(pairs[:, 0], np.int64), axis=1)
    high = graph.op("Gather", lasting, graph.constant(BANDS + pairs[:, 1], np.int64), axis=1)
    gain = [[[0.0 if token in SPECIALS else 4.0] for token in TOKENS]]
    return graph.op("Transpose", graph.op("Mul", graph.op("Mul", low, high), graph.constant(gain)), perm=[0, 2, 1])


def _renewed(graph: Graph, name: str, shape: tuple[int | str, ...], bands: str) -> str:
    """The cache after this chunk: its old content pushed out by the new frames."""
    if name == "embed_states":
        latest = graph.op("Unsqueeze", graph.cut(bands, 2, -3, END), graph.constant([3], np.int64))
        return graph.op("Tile", latest, graph.constant([1, 128 // DIM, 1, 19], np.int64))
    if "conv" in name:
        longer, axis = graph.op("Concat", name, bands, axis=2), 2
    elif "nonlin" in name:
        narrow = graph.cut(graph.op("Transpose", bands, perm=[0, 2, 1]), 2, 0, NONLIN_DIM)
        rows = graph.op("Unsqueeze", narrow, graph.constant([0], np.int64))
        longer, axis = graph.op("Concat", name, rows, axis=2), 2
    else:
        longer, axis = graph.op("Concat", name, graph.op("Transpose", bands, perm=[2, 0, 1]), axis=0), 0
    return graph.cut(longer, axis, -int(shape[axis]), END)


def decoder() -> onnx.ModelProto:
    """The last two tokens y (N, 2) → decoder_out (N, 64): -8 in the unit of the very last one."""
    graph = Graph()
    y = graph.input("y", ("N", 2), TensorProto.INT64)
    embedding = np.diag([0.0 if token in SPECIALS else -8.0 for token in TOKENS])
    embedding[0, 1] = 0.5  # makes the contexts (0, 0) and (-1, 0) differ, as they do upstream
    place = np.zeros((1, 2, len(TOKENS)))
    place[0, 1, :] = place[0, 0, 1] = 1.0
    known = graph.op("Gather", graph.constant(embedding), graph.op("Max", y, graph.constant([0], np.int64)))
    there = graph.op("Cast", graph.op("GreaterOrEqual", y, graph.constant([0], np.int64)), to=TensorProto.FLOAT)
    masked = graph.op("Mul", known, graph.op("Unsqueeze", there, graph.constant([2], np.int64)))
    placed = graph.op("Mul", masked, graph.constant(place))
    summed = graph.op("ReduceSum", placed, graph.constant([1], np.int64), keepdims=0)
    graph.output(summed, "decoder_out", ("N", len(TOKENS)))
    return graph.model({"context_size": "2", "vocab_size": str(len(TOKENS))})


def joiner() -> onnx.ModelProto:
    """Linear(tanh(encoder_out + decoder_out)) → logit (N, 64): blank unless a unit sounds that was not just written."""
    graph = Graph()
    names = [graph.input(name, ("N", len(TOKENS))) for name in ("encoder_out", "decoder_out")]
    weights = np.diag([0.0 if token in SPECIALS else 18.0 for token in TOKENS])
    bias = [0.0 if token == BLANK else -9.0 for token in TOKENS]
    hidden = graph.op("Tanh", graph.op("Add", *names))
    logit = graph.op("Add", graph.op("MatMul", hidden, graph.constant(weights)), graph.constant(bias))
    graph.output(logit, "logit", ("N", len(TOKENS)))
    return graph.model({"joiner_dim": str(len(TOKENS))})
