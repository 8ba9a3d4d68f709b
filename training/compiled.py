"""Loops in C beside the modules that call them, built by the system's compiler on first use."""

import ctypes
import shutil
import subprocess
import tempfile
from functools import cache
from pathlib import Path

FAST = ("-fassociative-math", "-fno-signed-zeros", "-fno-trapping-math", "-fno-math-errno", "-freciprocal-math")
"""What -ffast-math would turn on, without the start-up code that it links: that sets the whole process to flush
subnormal numbers to zero."""
FLAGS = ("-O3", "-march=native", *FAST, "-shared", "-fPIC")


@cache
def library(source: Path) -> ctypes.CDLL | None:
    """The compiled file; None without a compiler."""
    compiler = shutil.which("cc")
    if compiler is None:
        return None
    with tempfile.TemporaryDirectory() as folder:
        built = Path(folder) / source.with_suffix(".so").name
        subprocess.run([compiler, *FLAGS, "-o", built, source, "-lm"], check=True)  # noqa: S603 - our file, the system's cc
        return ctypes.CDLL(str(built))
