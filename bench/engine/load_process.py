"""How long a keyword list takes to be ready: `python -m bench.engine.load_process KEYWORDS` prints seconds as JSON."""

import json
import sys
import time

import kwsd
from measure.paths import MODEL


def main(keywords: str) -> None:
    """Reads the file and makes a spotter of it, on a model that is loaded already."""
    model = kwsd.Model.load(MODEL)
    started = time.perf_counter(), time.process_time()
    loaded = kwsd.load_keywords(keywords, model)
    kwsd.Spotter(model, loaded)
    wall_s, cpu_s = time.perf_counter() - started[0], time.process_time() - started[1]
    print(json.dumps({"keywords": len(loaded), "wall_s": round(wall_s, 3), "cpu_s": round(cpu_s, 3)}))


if __name__ == "__main__":
    main(*sys.argv[1:])
