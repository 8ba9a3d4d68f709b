"""One training step: eagerly over any batch, or over buffers that stay where they are, played back as a CUDA graph."""

from collections import deque
from collections.abc import Callable, Iterable
from functools import partial
from typing import Any

import torch
from torch import Tensor

from training.zipformer.averaging import MovingAverage
from training.zipformer.data.batches import Batch
from training.zipformer.data.row_batches import RowBatch
from training.zipformer.flat import FlatParameters
from training.zipformer.objective import Losses, Objective
from training.zipformer.optimizer import ScaledAdam
from training.zipformer.workers import Workers

WARM_UPS = 3
"""Runs of a step before it is captured, in which libraries choose and compile what they need."""
AHEAD = 2
"""Steps that the host may be ahead of the device."""
AFTER_WARMUP = 1 << 40
"""Number that a recorded step is told: it cannot change with the run."""


class Step:
    """Losses, gradients, optimizer and moving average."""

    def __init__(
        self,
        objective: Objective,
        flat: FlatParameters,
        optimizer: ScaledAdam,
        average: MovingAverage,
        workers: Workers,
    ) -> None:
        self._objective, self._flat, self._optimizer, self._average = objective, flat, optimizer, average
        self._workers = workers

    def take(self, batch: Batch | RowBatch, chunk: int, left: int, step: int) -> Losses:
        """Take step number `step`; gives the losses before it."""
        self.prepare(step)
        return self.work(batch, chunk, left, step)

    def prepare(self, step: int) -> None:
        """Bring to the device what differs from step to step."""
        self._optimizer.set_rate()
        self._average.set_step(step + 1)

    def work(self, batch: Batch | RowBatch, chunk: int, left: int, step: int) -> Losses:
        """Do what a step does on the device."""
        found = self._objective.losses(batch, chunk, left, step)
        self._flat.clear_gradients()
        self._objective.weighted(found, step).backward()
        self._workers.share(self._flat.gradients)
        self._optimizer.update()
        self._average.follow()
        return Losses(*(loss.detach() for loss in found))

    def changed(self) -> list[Tensor]:
        """Give everything that a step changes."""
        return [self._flat.values, self._average.vector, *self._optimizer.state.values()]


Recorder = Callable[[Callable[[], None]], Callable[[], None]]
"""Turns work on the device into something that plays it back."""


class CudaRecorder:
    """Captures work as CUDA graphs that share their memory, which is right as long as one plays at a time."""

    def __init__(self) -> None:
        self._stream = torch.cuda.Stream()
        self._pool: Any = None

    def __call__(self, work: Callable[[], None]) -> Callable[[], None]:
        """Do the work a few times, then capture it."""
        self._stream.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(self._stream):
            for _ in range(WARM_UPS):
                work()
        torch.cuda.synchronize()
        graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(graph, pool=self._pool, stream=self._stream):
            work()
        self._pool = self._pool or graph.pool()
        replay: Callable[[], None] = graph.replay
        return replay


class RecordedStep:
    """A step over fixed buffers, recorded once for each way of cutting into chunks; eager where recording fails."""

    def __init__(self, step: Step, batch: RowBatch, chunks: Iterable[tuple[int, int]], record: Recorder) -> None:
        """Keep a batch as the buffers, record, and undo what the work done for that has changed."""
        self._step, self._batch = step, batch
        self._found = torch.zeros(3, device=batch.features.device)
        self._pending: deque[Any] = deque()
        self._recorded: dict[tuple[int, int], Callable[[], None]] = {}
        before = [held.clone() for held in step.changed()]
        try:
            for chunk, left in sorted(set(chunks)):
                self._recorded[chunk, left] = record(partial(self._work, chunk, left))
        except RuntimeError as error:
            self._recorded.clear()
            print(f"every step is launched piece by piece, for it could not be captured: {error}")
        for held, old in zip(step.changed(), before, strict=True):
            held.copy_(old)

    def take(self, batch: Batch | RowBatch, chunk: int, left: int, step: int) -> Losses:
        """Take step number `step`; gives the losses before it, in a place that the next step writes anew."""
        if not isinstance(batch, RowBatch):
            raise TypeError("only rows come in batches of one shape")
        self._step.prepare(step)
        for held, new in zip(self._batch.tensors(), batch.tensors(), strict=True):
            if held is not new:
                held.copy_(new)
        self._recorded.get((chunk, left), partial(self._work, chunk, left))()
        self._wait_for_older()
        return Losses(*self._found)

    def _work(self, chunk: int, left: int) -> None:
        self._found.copy_(torch.stack(self._step.work(self._batch, chunk, left, AFTER_WARMUP)))

    def _wait_for_older(self) -> None:
        if self._found.device.type == "cuda":
            self._pending.append(torch.cuda.current_stream().record_event())
            if len(self._pending) > AHEAD:
                self._pending.popleft().synchronize()
