"""What a person types: `kwsd` and `kwsctl`. Arguments in, exit codes out, no logic of its own."""

import os

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # before NumPy is imported: on small matrices threads only cost time
