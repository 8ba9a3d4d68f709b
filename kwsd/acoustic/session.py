"""The one place that makes onnxruntime sessions. The only importer of onnxruntime."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from kwsd.acoustic.widen import widened
from kwsd.errors import ModelError
from kwsd.models.directory import COMPACT, LARGEST_FILE_BYTES, read_graph

if TYPE_CHECKING:
    import onnxruntime

NO_TELEMETRY = "ORT_DISABLE_TELEMETRY"  # onnxruntime 1.29 and later would report to Microsoft which models it loads
FINDS_NOTHING = (
    "AttentionFusion BiasDropoutFusion BiasGeluFusion BiasSkipLayerNormFusion BiasSoftmaxFusion "
    "CastChainElimination CastFloat16Transformer CommonSubexpressionElimination ConstantSharing "
    "ConvActivationFusion ConvAddActivationFusion DQMatMulNBitsFusion DoubleQDQPairsRemover "
    "DynamicQuantizeMatMulFusion EmbedLayerNormFusion EnsureUniqueDQForNodeUnit FastGeluFusion "
    "GatherSliceToSplitFusion GatherToSliceFusion GeluFusion GeluFusionL1 GeluFusionL2 GemmActivationFusion "
    "GroupQueryAttentionFusion GroupQueryAttentionPreNormFusion LayerNormFusion Level1_RuleBasedTransformer "
    "Level2_RuleBasedTransformer MatMulActivationFusion MatMulAddFusion MatMulIntegerToFloatFusion "
    "MatMulNBitsMlpFusion MatMulNBitsQkvFusion MatMulScaleFusion MatmulTransposeFusion NhwcTransformer "
    "PropagateCastOps QDQFinalCleanupTransformer QDQPropagationTransformer QDQS8ToU8Transformer "
    "QDQSelectorActionTransformer QuickGeluFusion ReshapeFusion SimplifiedLayerNormFusion SkipLayerNormFusion "
    "SliceConcatToSpaceToDepthFusion TransposeOptimizer WeightBiasQuantization WhereDummyDq"
)
"""Optimisers that look through a compact graph for what it never has: a fifth of the time that it takes to load."""
FOLDED = b"Cast"
"""What a constant is made with that is stored as int8 in the graph itself."""


def make_session(path: Path, text: bytes | None = None) -> onnxruntime.InferenceSession:
    """Open one ONNX file for a small, steady load: one thread, no spinning, no chatter.

    Spinning threads cost 12.8 % of a CPU at one call per 320 ms, against 0.3 % with one thread
    (measured, onnxruntime 1.31.1). `text` is what the file is taken to hold instead of what it does.

    Raises:
        ModelError: the file is missing, or onnxruntime cannot load it.
    """
    os.environ[NO_TELEMETRY] = "1"  # read when it is imported
    import onnxruntime as ort  # noqa: PLC0415  # 100 ms that `kwsd --help` need not pay

    if not path.is_file():
        raise ModelError(f"{path}: no such file; `kwsctl models verify {path.parent}` lists what is missing")
    if path.stat().st_size > LARGEST_FILE_BYTES:
        raise ModelError(f"{path}: is larger than {LARGEST_FILE_BYTES >> 20} MB, which no such file is")
    ort.set_default_logger_severity(4)  # fatal: what goes wrong is raised as well, and printed once by the command
    options = ort.SessionOptions()
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    options.enable_mem_reuse = False  # 5 % of the encoder's time, median of nine alternated runs
    with widened(path, text) as laid_out:
        has_unicode_name = os.fsencode(laid_out) == str(laid_out).encode(errors="replace")
        try:  # from memory only where it must be: it takes the file's size twice
            model = str(laid_out) if has_unicode_name else laid_out.read_bytes()
            disabled = FINDS_NOTHING.split() if path.name.endswith(COMPACT) else []
            if disabled and laid_out != path and FOLDED not in (text or read_graph(path)):
                disabled.append("ConstantFolding")
            return ort.InferenceSession(
                model, options, providers=["CPUExecutionProvider"], disabled_optimizers=disabled
            )
        except Exception as error:  # onnxruntime's own exceptions share no public base class
            raise ModelError(f"{path}: onnxruntime cannot load it: {str(error).strip()}") from error


def runtime_version() -> str:
    """Of onnxruntime: another one may have other kernels."""
    os.environ[NO_TELEMETRY] = "1"
    import onnxruntime as ort  # noqa: PLC0415 - as above

    return str(ort.__version__)
