"""Work for many processes, by Dask: those of this machine, or of a cluster that is there. The only importer of it."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing, contextmanager
from itertools import islice
from typing import Any, TypeVar

import distributed

from kwsd.errors import KwsdError

WAITING = 4  # tasks that a worker has before it: the scheduler of a year of sound then knows of some hundred
CONNECT_S = 30
Item = TypeVar("Item")


class Workers:
    """Whoever works."""

    def __init__(self, client: Any) -> None:
        """With a client that is connected."""
        self._client = client

    @property
    def count(self) -> int:
        """Threads that take work; at least 1, for workers may come later."""
        return max(1, sum(map(int, self._client.nthreads().values())))

    def run(self, task: Callable[[Item], Any], items: Iterable[Item]) -> Iterator[tuple[Item, Any]]:
        """Each item with its result, or with the Exception that came instead, as they are done.

        What a worker had that died is given to another; a task that three workers died of is told as KilledWorker.
        """
        left, running = iter(items), {}
        done = distributed.as_completed()
        for item in islice(left, WAITING * self.count):
            future = self._client.submit(task, item, pure=False)
            running[future] = item
            done.add(future)
        for future in done:
            item = running.pop(future)
            for following in islice(left, 1):
                another = self._client.submit(task, following, pure=False)
                running[another] = following
                done.add(another)
            yield item, future.result() if future.status == "finished" else future.exception()
            future.release()


@contextmanager
def open_workers(scheduler: str | None, count: int | None = None) -> Iterator[Workers]:
    """Those of a scheduler, or one process for each core here. Raises KwsdError: the scheduler does not answer."""
    for name in ("distributed", "distributed.nanny", "distributed.scheduler", "distributed.worker"):
        logging.getLogger(name).setLevel(logging.CRITICAL)
    if scheduler is not None:
        try:
            client = distributed.Client(scheduler, timeout=CONNECT_S)
        except (OSError, TimeoutError, ValueError) as error:
            raise KwsdError(f"{scheduler}: no Dask scheduler answers there: {error}") from error
        with closing(client):
            yield Workers(client)
        return
    with (
        distributed.LocalCluster(
            n_workers=count,
            threads_per_worker=1,
            processes=True,
            dashboard_address="127.0.0.1:0",
            silence_logs=logging.CRITICAL,
        ) as cluster,
        distributed.Client(cluster) as client,
    ):
        yield Workers(client)
