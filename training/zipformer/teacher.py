"""Pseudo-labels: what another model of the public layout hears in untranscribed speech, by greedy search.

A model trained on them has seen that teacher's output; the model card must say so. Leave them out for a clean variant.
"""

from pathlib import Path

import numpy as np
import soundfile
from numpy.typing import NDArray

from kwsd.acoustic.model import Model
from kwsd.acoustic.stream import AcousticStream
from kwsd.stream import Chunk
from kwsd.units import START, WORD_START
from training.zipformer.data.records import speech, usable
from training.zipformer.progress import progress


def write_pseudo_labels(teacher: Path, shared: Path, output: Path, least_confidence: float) -> None:
    """Transcribe the untranscribed recordings below `shared` into a table of file name and text.

    Args:
        teacher: model directory.
        shared: folder that holds speech/.
        output: table to write.
        least_confidence: recordings whose mean token probability is lower are left out.
    """
    model = Model.load(teacher)
    unlabelled = [r.path for r in speech(shared / "speech") if r.split == "unlabelled"]
    rows = []
    for path in progress(unlabelled, len(unlabelled), "teacher"):
        samples, _ = soundfile.read(path, dtype="float32")
        text, confidence = transcribe(model, samples)
        if usable(text) and confidence >= least_confidence:
            rows.append(f"{path.name}\t{text}\n")
    output.write_text("".join(rows))


def transcribe(model: Model, samples: NDArray[np.float32]) -> tuple[str, float]:
    """Write down 16 kHz samples by greedy search; gives the text and the mean probability of its tokens."""
    stream = AcousticStream(model)
    tokens, probabilities = [*START], []
    for frames in [*stream.push(Chunk(0, samples, "")), *stream.finish()]:
        for frame in frames.encoder_out if frames.encoder_out is not None else ():
            scores = model.transducer.log_probs(frame[None], [(tokens[-2], tokens[-1])])[0]
            best = int(scores.argmax())
            if best not in model.transducer.silent_tokens:
                tokens.append(best)
                probabilities.append(float(np.exp(scores[best])))
    text = "".join(model.tokens[token] for token in tokens[2:]).replace(WORD_START, " ").strip()
    return text, float(np.mean(probabilities)) if probabilities else 0.0
