"""Two hours through one spotter: does memory grow?"""

import json

from bench.engine.processes import PYTHON, run
from bench.engine.report import Section
from measure import streams
from measure.paths import SHARED

HOURS = 2.0
SETTLED_S = 300  # the first five minutes may still grow
KEYWORDS = SHARED / "keywords" / "commands_small.txt"


def measure(jobs: int) -> Section:
    """Resident memory after every minute of audio."""
    del jobs
    usage = run([str(PYTHON), "-m", "bench.engine.long_process", str(KEYWORDS), str(streams.speech(HOURS))])
    minutes = [json.loads(line) for line in usage.output.splitlines()]
    settled = [minute for minute in minutes if minute["audio_s"] >= SETTLED_S]
    first, last, most = settled[0]["rss_mb"], settled[-1]["rss_mb"], max(minute["rss_mb"] for minute in settled)
    return Section(
        "long",
        f"{HOURS:g} hours of audio through one spotter",
        ("after 5 min, MiB", "largest since", "at the end", "growth"),
        [[f"{first:.1f}", f"{most:.1f}", f"{last:.1f}", f"**{most - first:+.1f} MiB**"]],
        [f"resident memory (VmRSS) after each minute of audio; {minutes[-1]['hits']} hits of 20 keywords on the way"],
        figures={"minutes": minutes},
    )
