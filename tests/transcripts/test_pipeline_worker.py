"""What is asked of a pipeline, and that a fault of it is told at once, not tried again."""

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from kwsd.transcripts.pipeline_worker import tells_times, transcript

SOUND = np.zeros(16000, np.float32)


class Scripted:
    """Stands for a pipeline of transformers of some kind; `asked` keeps what was asked of it."""

    def __init__(self, kind: str | None, heads: list[list[int]] | None = None, fault: Exception | None = None) -> None:
        if kind is not None:
            self.type = kind
        self.model = SimpleNamespace(generation_config=SimpleNamespace(alignment_heads=heads))
        self.asked: list[dict[str, Any]] = []
        self._fault = fault

    def __call__(self, sound: dict[str, Any], **asked: Any) -> dict[str, Any]:
        assert (len(sound["raw"]), sound["sampling_rate"]) == (16000, 16000)
        self.asked.append(asked)
        if self._fault is not None:
            raise self._fault
        chunks = [{"text": " stop", "timestamp": (0.2, None)}] if asked else []
        return {"text": "stop", "chunks": chunks}


@pytest.mark.parametrize(
    ("pipeline", "times"),
    [
        (Scripted("ctc"), True),
        (Scripted("ctc_with_lm"), True),
        (Scripted("seq2seq_whisper", [[1, 2]]), True),
        (Scripted("seq2seq_whisper"), False),
        (Scripted("seq2seq"), False),
        (Scripted(None), False),
    ],
)
def test_times_are_asked_only_of_those_that_can_tell_them(pipeline: Scripted, *, times: bool) -> None:
    told = transcript(pipeline, SOUND)
    assert tells_times(pipeline) is times
    assert pipeline.asked == [{"return_timestamps": "word"} if times else {}]
    assert told == {"text": "stop", "words": [{"text": "stop", "start": 0.2, "end": 1.0}] if times else []}


@pytest.mark.parametrize("fault", [RuntimeError("out of memory"), ValueError("wrong")])
def test_a_fault_is_not_taken_for_a_pipeline_without_times(fault: Exception) -> None:
    pipeline = Scripted("ctc", fault=fault)
    with pytest.raises(type(fault)):
        transcript(pipeline, SOUND)
    assert len(pipeline.asked) == 1
