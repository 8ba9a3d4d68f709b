"""The heap of a daemon: large blocks are given back whatever was freed before, and threads share one heap."""

import platform
import select
import subprocess
import sys
from pathlib import Path

import pytest
import soundfile

from testkit.tiny_model import speak

pytestmark = pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="glibc's heap")

PROGRAM = """
import ctypes, sys, threading
import numpy as np
from kwsd.cli import kwsd as kwsd_command
from kwsd.cli import run_daemon as service

class MallocInfo(ctypes.Structure):
    _fields_ = [(f"field{number}", ctypes.c_size_t) for number in range(10)]

libc = ctypes.CDLL(None)
libc.mallinfo2.restype = MallocInfo

def mapped_bytes():
    return libc.mallinfo2().field4  # hblkhd: in blocks that have memory of their own

def look(*_):
    np.ones(1_000_000)  # comes and goes: glibc would from here on keep blocks of less than 8 MB in the heap
    before = mapped_bytes()
    blocks = [np.ones(200_000, np.uint8) for _ in range(100)]  # the first few fit into what imports have left free
    print("mapped", mapped_bytes() - before, flush=True)
    together = threading.Barrier(8)
    threads = [threading.Thread(target=lambda: (bytearray(5000), together.wait())) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    libc.malloc_stats()  # on stderr, with a line `Arena n:` for each heap

service.run_daemon = look
kwsd_command.main(sys.argv[1:])
"""

GARBAGE = """
import gc, sys, weakref
from kwsd.cli import kwsd as kwsd_command
from kwsd.daemon import memory as heap

class Cycle:
    def __init__(self):
        self.itself = self

heap.COLLECT_EVERY_S = 0.1
gc.disable()
freeze = gc.freeze

def freeze_and_leave_garbage():
    freeze()
    weakref.finalize(Cycle(), print, "collected", flush=True)

gc.freeze = freeze_and_leave_garbage
kwsd_command.main(sys.argv[1:])
"""


@pytest.fixture(scope="module")
def seen(tmp_path_factory: pytest.TempPathFactory, tiny_model_dir: Path) -> subprocess.CompletedProcess[str]:
    """The real command up to where the daemon would begin, and a look at its heap there."""
    directory = tmp_path_factory.mktemp("heap")
    (directory / "keywords.txt").write_text("LIGHT ON\n")
    soundfile.write(directory / "sound.wav", speak("LIGHT ON"), 16_000)
    arguments = ["--keywords", "keywords.txt", "--model", str(tiny_model_dir), "--input", "sound.wav", "--socket", "s"]
    return subprocess.run(
        [sys.executable, "-c", PROGRAM, *arguments], cwd=directory, capture_output=True, text=True, check=True
    )


def test_garbage_is_collected_without_waiting_for_much_of_it(tmp_path: Path, tiny_model_dir: Path) -> None:
    """A cycle made after the start goes soon, although Python's own collector never runs here."""
    (tmp_path / "keywords.txt").write_text("LIGHT ON\n")
    arguments = ["--keywords", "keywords.txt", "--model", str(tiny_model_dir), "--input", "-", "--socket", "s"]
    with subprocess.Popen(
        [sys.executable, "-c", GARBAGE, *arguments],
        cwd=tmp_path,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    ) as daemon:
        assert daemon.stdout is not None
        told, _, _ = select.select([daemon.stdout], [], [], 20)
        assert told, "the cycle is still there"
        assert daemon.stdout.readline() == b"collected\n"
        daemon.terminate()


def test_a_large_block_has_memory_of_its_own(seen: subprocess.CompletedProcess[str]) -> None:
    """All but the first few go back to the system when they are freed, instead of leaving a hole."""
    name, mapped = seen.stdout.split()
    assert name == "mapped"
    assert int(mapped) >= 50 * 200_000


def test_threads_do_not_get_heaps_of_their_own(seen: subprocess.CompletedProcess[str]) -> None:
    """Those that were there before the limit was set may stay; eight more threads add none."""
    assert 1 <= seen.stderr.count("Arena ") <= 2
