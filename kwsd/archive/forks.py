"""Workers of this machine fork off one process that has imported what they need, while this one imports Dask.

By itself each of them would import it anew, 2 to 3 s of processor time, after this one has.
"""

import os
from multiprocessing import forkserver

PRELOADED = ["distributed", "kwsd.archive.jobs"]
ENVIRONMENT = {
    "DASK_DISTRIBUTED__WORKER__MULTIPROCESSING_METHOD": "forkserver",
    "MALLOC_TRIM_THRESHOLD_": "65536",  # from here on as Dask gives it to its workers: a fork has what was there before
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "MKL_NUM_THREADS": "1",
}


def begin_forks() -> None:
    """Before Dask is imported here, which takes the method from the environment."""
    for name, value in ENVIRONMENT.items():
        os.environ.setdefault(name, value)
    forkserver.set_forkserver_preload(PRELOADED)
    forkserver.ensure_running()
