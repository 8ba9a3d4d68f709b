"""Keeps memory from growing for months although nothing leaks: glibc's heap, and garbage that Python leaves lying.

With every large block that is freed, glibc raises the size from which blocks get memory of their own. From then on
the search's frame history (650 kB, made anew every 10 s) and the blocks of a pipe lie among small ones; what they
leave is nibbled at, the next one no longer fits, and the heap grows: by 5 MB per hour of sound from a pipe, with no
more in use than before (mallinfo2). A limit that stays put ends that. One heap is enough besides: threads that live
for one command would spread over eight per core (0.8 instead of 0.2 MB in 600 reloads). Neither costs measurable time.

Python looks for cycles among old objects only when a quarter as many have newly grown old, and there are a hundred
thousand old ones after the imports: keyword lists and connections that are gone lie about for hours, 2 kB for each
reload. With those of the start left out, what else there is can be looked through every minute, in a millisecond.
"""

import asyncio
import ctypes
import gc

OWN_MEMORY_BYTES = 64 * 1024  # from here on a block is mapped by itself; the largest made for every chunk is 36 kB
HEAPS = 1
COLLECT_EVERY_S = 60.0

_M_MMAP_THRESHOLD = -3  # malloc.h
_M_ARENA_MAX = -8


def steady_heap() -> None:
    """Set both for this process, before anything large is loaded. Without glibc there is nothing to set.

    Until `collect_garbage` nobody looks for cycles: of what is imported and loaded all stays, and each look costs time.
    """
    gc.disable()
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        mallopt(_M_MMAP_THRESHOLD, OWN_MEMORY_BYTES)
        mallopt(_M_ARENA_MAX, HEAPS)


async def collect_garbage() -> None:
    """For ever. What is there at the beginning, models and modules, is taken to stay."""
    gc.freeze()
    gc.enable()
    while True:
        await asyncio.sleep(COLLECT_EVERY_S)
        gc.collect()
