"""A wall clock of some processes' own, which a test sets; the clocks that nobody sets go on as they are."""

import shutil
import subprocess
from pathlib import Path

import pytest

YEAR_S = 31_556_952

SHIM = """
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdio.h>
#include <sys/time.h>
#include <time.h>
static long offset(void) {
    long seconds = 0; FILE *file = fopen(CLOCK_FILE, "r");
    if (file) { if (fscanf(file, "%ld", &seconds) != 1) seconds = 0; fclose(file); }
    return seconds;
}
int clock_gettime(clockid_t id, struct timespec *at) {
    static int (*real)(clockid_t, struct timespec *);
    if (!real) real = dlsym(RTLD_NEXT, "clock_gettime");
    int result = real(id, at);
    if (id == CLOCK_REALTIME) at->tv_sec += offset();
    return result;
}
"""

needs_compiler = pytest.mark.skipif(
    shutil.which("cc") is None, reason="needs a C compiler to shift the wall clock of one process"
)


class ShiftedClock:
    """`environment` is for those processes."""

    def __init__(self, directory: Path) -> None:
        """Right, to begin with."""
        self._file = directory / "clock"
        source, library = directory / "shim.c", directory / "shim.so"
        source.write_text(f'#define CLOCK_FILE "{self._file}"\n{SHIM}')
        subprocess.run(["cc", "-shared", "-fPIC", "-o", library, source, "-ldl"], check=True)
        self.environment = {"LD_PRELOAD": str(library)}

    def set(self, offset_s: int) -> None:
        """So far ahead of the right time, from now on."""
        part = self._file.with_suffix(".part")
        part.write_text(str(offset_s))
        part.replace(self._file)
