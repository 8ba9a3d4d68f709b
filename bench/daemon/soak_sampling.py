"""What the daemon uses, every ten seconds."""

import threading
import time
from contextlib import suppress
from pathlib import Path

import psutil

EVERY_S = 10.0


class Sampling:
    """A thread that looks at a process until it ends or `stop` is called."""

    def __init__(self, pid: int) -> None:
        self.samples: list[dict[str, float]] = []
        self._process = psutil.Process(pid)
        self._stopping = threading.Event()
        self._began_s = time.monotonic()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Take no more."""
        self._stopping.set()
        self._thread.join()

    def _run(self) -> None:
        with suppress(psutil.Error, OSError):
            while not self._stopping.wait(EVERY_S if self.samples else 0):
                self.samples.append(self._sample())

    def _sample(self) -> dict[str, float]:
        memory = self._process.memory_full_info()
        return {
            "seconds": round(time.monotonic() - self._began_s, 1),
            "pss_mb": memory.pss / 1e6,
            "uss_mb": memory.uss / 1e6,
            "anonymous_mb": anonymous_mb(self._process.pid),
            "descriptors": self._process.num_fds(),
            "threads": self._process.num_threads(),
            "cpu_s": round(sum(self._process.cpu_times()[:2]), 2),
        }


def anonymous_mb(pid: int) -> float:
    """Memory that no file stands behind: what a leak would grow, whatever other processes share with this one."""
    rollup = Path(f"/proc/{pid}/smaps_rollup").read_text()
    kib = next(int(line.split()[1]) for line in rollup.splitlines() if line.startswith("Anonymous:"))
    return kib * 1024 / 1e6
