"""Work off the event loop, on threads that never hold up the end of the process."""

import asyncio
import threading
from collections.abc import Callable
from concurrent.futures import Future
from typing import TypeVar

T = TypeVar("T")


async def in_background(work: Callable[[], T]) -> T:
    """Run on a thread of its own and wait for the result.

    Not `asyncio.to_thread`: its threads are joined at exit, and a hung driver is not worth waiting for.
    """
    future: Future[T] = Future()
    future.set_running_or_notify_cancel()  # from here on the thread alone settles it

    def run() -> None:
        try:
            future.set_result(work())
        except Exception as error:  # noqa: BLE001  it is raised again where it is awaited
            future.set_exception(error)

    threading.Thread(target=run, name="background", daemon=True).start()
    return await asyncio.wrap_future(future)
