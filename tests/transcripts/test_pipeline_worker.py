"""What is asked of a pipeline, and that a fault of it is told at once, not tried again."""

import os
import platform
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from kwsd.stream import Chunk
from kwsd.transcripts.pipeline import PipelineProcess, PipelineTranscriber
from kwsd.transcripts.pipeline_worker import tells_times, transcript
from testkit.stand_in_asr import write_stand_in

SOUND = np.zeros(16000, np.float32)
DENY = """
import ctypes, sys
class Filter(ctypes.Structure):
    _fields_ = [("length", ctypes.c_ushort), ("steps", ctypes.c_void_p)]
class Step(ctypes.Structure):
    _fields_ = [("code", ctypes.c_ushort), ("then", ctypes.c_ubyte), ("or_else", ctypes.c_ubyte), ("k", ctypes.c_uint)]
steps = (Step * 4)((0x20, 0, 0, 0), (0x15, 0, 1, 141), (6, 0, 0, 0x50001), (6, 0, 0, 0x7FFF0000))
call = ctypes.CDLL(None).prctl
written = ctypes.byref(Filter(4, ctypes.addressof(steps)))
if call(65, 1, 0, 0, 0) or call(38, 1, 0, 0, 0) or call(22, 2, written):
    sys.exit(9)
"""
"""As under the units: no code of one's own (PR_SET_MDWE), and setpriority is not permitted (PR_SET_SECCOMP)."""
RUN = "import sys; from kwsd.transcripts.pipeline_worker import main; main()"


class Scripted:
    """Stands for a pipeline of transformers of some kind; `asked` keeps what was asked of it."""

    def __init__(self, kind: str | None, heads: list[list[int]] | None = None, fault: Exception | None = None) -> None:
        if kind is not None:
            self.type = kind
        self.model = SimpleNamespace(generation_config=SimpleNamespace(alignment_heads=heads))
        self.asked: list[dict[str, Any]] = []
        self._fault = fault
        self.end_s: float | None = None

    def __call__(self, sound: dict[str, Any], **asked: Any) -> dict[str, Any]:
        assert (len(sound["raw"]), sound["sampling_rate"]) == (16000, 16000)
        self.asked.append(asked)
        if self._fault is not None:
            raise self._fault
        chunks = [{"text": " stop", "timestamp": (0.2, self.end_s)}] if asked else []
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


def test_a_word_ends_with_its_sound_at_the_latest() -> None:
    """Whisper hears 30 s, whatever it is given, and says of the last word that it goes on into what is added."""
    pipeline = Scripted("seq2seq_whisper", [[1, 2]])
    pipeline.end_s = 2.24
    assert transcript(pipeline, SOUND)["words"] == [{"text": "stop", "start": 0.2, "end": 1.0}]


@pytest.mark.parametrize("fault", [RuntimeError("out of memory"), ValueError("wrong")])
def test_a_fault_is_not_taken_for_a_pipeline_without_times(fault: Exception) -> None:
    pipeline = Scripted("ctc", fault=fault)
    with pytest.raises(type(fault)):
        transcript(pipeline, SOUND)
    assert len(pipeline.asked) == 1


@pytest.mark.parametrize("denied", [False, True])
def test_it_works_where_a_service_may_little(tmp_path: Path, *, denied: bool) -> None:
    """1. The real worker with a library that stands in, as the units run it. Result: text, and no code is written."""
    if denied and (platform.machine() != "x86_64" or tuple(map(int, platform.release().split(".")[:2])) < (6, 3)):
        pytest.skip("needs x86-64 and Linux 6.3")
    write_stand_in(tmp_path / "modules", tmp_path / "model", "")
    command = [sys.executable, "-c", (DENY if denied else "") + RUN, str(tmp_path / "model")]
    places = {"PYTHONPATH": os.pathsep.join([str(tmp_path / "modules"), *filter(None, sys.path)])}
    process = PipelineProcess("worker", command, places, timeout_s=60, idle_s=60)
    transcriber = PipelineTranscriber(process)
    transcriber.push(Chunk(0, SOUND, ""), ())
    assert transcriber.finish().text == f"16000 samples, mkldnn {not denied}"
    process.kill()
