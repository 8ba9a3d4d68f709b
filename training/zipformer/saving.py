"""Checkpoints written beside training: copied where they are, brought to the host and to disk by a thread."""

from collections.abc import Callable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from training.zipformer.checkpoint import CHECKPOINT, save_atomically

PART_BYTES = 15_000_000
"""Of a checkpoint that is brought home: a file that comes back from a lent machine may have 16 MiB."""
HOME_WEIGHTS = "average.pt"


class Saver:
    """One write at a time; what went wrong with it is raised when the next one begins or the run ends."""

    def __init__(self) -> None:
        self._pool = ThreadPoolExecutor(1)
        self._writing: Future[None] | None = None

    def save(self, vectors: Mapping[str, Tensor], write: Callable[[dict[str, Tensor]], None]) -> None:
        """Copy vectors as they are now, and have them written on the host while training goes on."""
        self.wait()
        copies, done = {name: vector.clone() for name, vector in vectors.items()}, None
        if any(vector.device.type == "cuda" for vector in copies.values()):
            done = torch.cuda.current_stream().record_event()
        self._writing = self._pool.submit(_bring_and_write, copies, done, write)

    def wait(self) -> None:
        """Let the write that is under way end."""
        if self._writing is not None:
            self._writing.result()
            self._writing = None


def _bring_and_write(copies: Mapping[str, Tensor], done: Any, write: Callable[[dict[str, Tensor]], None]) -> None:
    if done is not None:
        done.synchronize()
    write({name: copy.cpu() for name, copy in copies.items()})


def bring_home(values: Mapping[str, Any], folder: Path, out: Path) -> None:
    """Write what a run has come to into few small files: averaged weights as float16, the checkpoint in parts.

    Args:
        values: of a checkpoint that lies in `folder`.
        folder: of the run.
        out: where to write; `cat OUT/checkpoint-*` is the checkpoint again.
    """
    out.mkdir(parents=True, exist_ok=True)
    weights = values["average"] or values["model"]
    halves = {name: tensor.half() for name, tensor in weights.items()}
    save_atomically({"settings": values["settings"], "model": halves}, out / HOME_WEIGHTS)
    content = (folder / CHECKPOINT).read_bytes()
    for number, start in enumerate(range(0, len(content), PART_BYTES)):
        _replace(out / f"checkpoint-{number:02}", content[start : start + PART_BYTES])
    for table in ("metrics.csv", "metrics.png"):
        if (folder / table).exists():
            _replace(out / table, (folder / table).read_bytes())


def _replace(path: Path, content: bytes) -> None:
    partial = path.with_name(f".{path.name}.partial")
    partial.write_bytes(content)
    partial.replace(path)
