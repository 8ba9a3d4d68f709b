"""Peak memory of the process."""

from bench.engine import alternate
from bench.engine.processes import kwsd_command, peer_command
from bench.engine.report import Section
from measure import streams
from measure.paths import SHARED, WORK

HOURS = 0.25
ROUNDS = 2
KEYWORDS = SHARED / "keywords" / "commands_small.txt"


def measure(jobs: int) -> Section:
    """VmHWM of either process over a quarter of an hour."""
    del jobs
    audio = streams.speech(HOURS)
    commands = {
        "sherpa-onnx": peer_command(KEYWORDS, audio),
        "kwsd, the same weights": kwsd_command(KEYWORDS, audio),
        "kwsd, kwsd-en": kwsd_command(KEYWORDS, audio, "kwsd-en"),
        "kwsd as a daemon, kwsd-en": [*kwsd_command(KEYWORDS, audio, "kwsd-en"), "--socket", str(WORK / "memory.sock")],
    }
    usages = alternate.alternate(commands, ROUNDS)
    peaks = {name: max(usage.peak_mb for usage in of) for name, of in usages.items()}
    return Section(
        "memory",
        "Peak memory of the process",
        ("process", "peak, MiB (VmHWM)"),
        [[name, f"{peak:.1f}"] for name, peak in peaks.items()],
        [f"`kwsd --input` over {HOURS * 60:.0f} min with 20 keywords; the larger of {ROUNDS} runs each"],
        figures=peaks,
    )
