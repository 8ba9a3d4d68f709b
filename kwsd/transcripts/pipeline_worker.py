"""The process in which a transformers pipeline runs: a JSON line and sound in, a JSON line out. Imports transformers.

It speaks over the socket that it has as standard input, so that whatever a library prints disturbs nobody, and ends
with whoever started it.
"""

import json
import mmap
import os
import socket
import sys
from contextlib import suppress
from typing import Any

import numpy as np

from kwsd.timebase import SAMPLE_RATE

NICE = 5
"""Hearing goes first."""
TELL_TIMES = {"ctc", "ctc_with_lm"}
"""Kinds of pipeline that tell when each word was said, whatever their model."""


def load(directory: str, *, trust_code: bool) -> Any:
    """The pipeline."""
    import torch  # noqa: PLC0415 - the limits are set before
    import transformers  # noqa: PLC0415 - likewise

    transformers.logging.set_verbosity_error()
    if not may_make_code():
        torch.backends.mkldnn.enabled = False  # it writes code for each network
    torch.set_num_threads(
        max(1, min(4, len(os.sched_getaffinity(0)) // 2))
    )  # its threads wait for each other in a loop
    return transformers.pipeline(
        "automatic-speech-recognition", model=directory, device="cpu", trust_remote_code=trust_code
    )


def may_make_code() -> bool:
    """Whether this process may run what it has written; a service with MemoryDenyWriteExecute= may not."""
    try:
        mmap.mmap(-1, mmap.PAGESIZE, prot=mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC).close()
    except OSError:
        return False
    return True


def tells_times(pipeline: Any) -> bool:
    """Whether it can say when words were said: as CTC does, and a Whisper that knows which heads follow sound."""
    kind = getattr(pipeline, "type", "")  # one that brings its own code may have none
    if kind == "seq2seq_whisper":
        return getattr(pipeline.model.generation_config, "alignment_heads", None) is not None
    return kind in TELL_TIMES


def transcript(pipeline: Any, sound: "np.typing.NDArray[np.float32]") -> dict[str, Any]:
    """Text, and words where the pipeline tells when they were said."""
    asked = {"return_timestamps": "word"} if tells_times(pipeline) else {}
    told = pipeline({"raw": sound.copy(), "sampling_rate": SAMPLE_RATE}, **asked)
    end_s = len(sound) / SAMPLE_RATE
    spoken = [(str(chunk["text"]).strip(), *chunk["timestamp"]) for chunk in told.get("chunks") or ()]
    words = [
        {"text": text, "start": min(start, end_s), "end": min(end_s, max(start, end_s if end is None else end))}
        for text, start, end in spoken
        if text and start is not None
    ]
    return {"text": told["text"], "words": words}


def serve(connection: socket.socket, directory: str, *, trust_code: bool) -> None:
    """Until the other end is closed: `{"samples": n}` and so many float32 → `text` and `words`, or `error`."""
    stream = connection.makefile("rwb")

    def tell(told: dict[str, Any]) -> None:
        stream.write(json.dumps(told).encode() + b"\n")
        stream.flush()

    try:
        pipeline = load(directory, trust_code=trust_code)
    except Exception as error:  # noqa: BLE001 - of any library: it is told, and this process ends
        tell({"error": f"{type(error).__name__}: {error}"})
        return
    tell({"ready": True})
    while line := stream.readline():
        sound = np.frombuffer(stream.read(4 * json.loads(line)["samples"]), "<f4")
        try:
            told = transcript(pipeline, sound)
        except Exception as error:  # noqa: BLE001 - likewise, and the next sound may do
            told = {"error": f"{type(error).__name__}: {error}"}
        tell(told)


def main() -> None:
    """The process: DIRECTORY and, where code in it may be run, `trust`."""
    connection = socket.socket(fileno=os.dup(0))
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    with suppress(OSError):  # a service's filter of system calls may not allow it
        os.nice(NICE)
    directory, *trust = sys.argv[1:]
    serve(connection, directory, trust_code=bool(trust))


if __name__ == "__main__":
    main()
