"""Runs the real `kwsd` and `kwsctl`, away from the settings and models of whoever runs the tests."""

import os
import subprocess
import sys
from collections.abc import Mapping
from functools import cache
from pathlib import Path

Completed = subprocess.CompletedProcess[str]

KWSD = str(Path(sys.executable).with_name("kwsd"))
KWSCTL = str(Path(sys.executable).with_name("kwsctl"))


WITHOUT_POWERS = ("setpriv", "--bounding-set=-all") if os.geteuid() == 0 else ()
"""Before a command: root too may then read what its mode says, and no more."""


def clean_environment(home: Path, extra: Mapping[str, str] | None = None) -> dict[str, str]:
    """What a command needs of ours, without any KWSD_ variable; configuration, cache and runtime files go to `home`."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("KWSD_", "XDG_", "JOURNAL_"))}
    own = {"XDG_CONFIG_HOME": str(home), "XDG_CACHE_HOME": str(home), "HOME": str(home)}
    return kept | own | dict(extra or {})


def run(*command: object, home: Path, stdin: bytes = b"", environ: Mapping[str, str] | None = None) -> Completed:
    """Run a command to its end in `home`; stdout and stderr as text, without what a library says of the processor."""
    done = subprocess.run(
        [str(part) for part in command],
        input=stdin,
        capture_output=True,
        cwd=home,
        env=clean_environment(home, environ),
        check=False,
        timeout=60,
    )
    lines = done.stderr.decode().splitlines(keepends=True)
    own = [line for line in lines if "cpuinfo" not in line or line not in said_of_the_processor()]
    return Completed(done.args, done.returncode, done.stdout.decode(), "".join(own))


@cache
def said_of_the_processor() -> frozenset[str]:
    """Lines of onnxruntime while it is imported, when nobody can stop it: it does not know those of some emulators."""
    done = subprocess.run([sys.executable, "-c", "import onnxruntime"], capture_output=True, text=True, check=False)
    return frozenset(done.stderr.splitlines(keepends=True))
