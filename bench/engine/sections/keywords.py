"""Ten thousand keywords instead of twenty."""

import json
import random
import tempfile
from pathlib import Path
from statistics import median

from bench.engine import alternate
from bench.engine.processes import PYTHON, kwsd_command, run
from bench.engine.report import Section
from measure import sound, streams
from measure.paths import SHARED, WORK
from measure.wav import duration_s, silence

MANY = 10_000
HOURS = 0.05
ROUNDS = 9
FEW = SHARED / "keywords" / "commands_small.txt"
LARGE = SHARED / "keywords" / "commands_large.txt"


def measure(jobs: int) -> Section:
    """Processor time of whole processes with either list, and how long the long one takes to load."""
    del jobs
    audio = streams.speech(HOURS)
    few, many = "20 keywords", f"{MANY} keywords"
    usages = alternate.alternate({few: kwsd_command(FEW, audio), many: kwsd_command(many_keywords(), audio)}, ROUNDS)
    starts = alternate.alternate(
        {few: kwsd_command(FEW, a_moment()), many: kwsd_command(many_keywords(), a_moment())}, ROUNDS
    )
    first, again = zip(*(loads_s(many_keywords()) for _ in range(ROUNDS)), strict=True)
    whole = alternate.ratio(usages[many], usages[few])
    net_s = {name: alternate.cpu_s(usages[name]) - alternate.cpu_s(starts[name]) for name in usages}
    running = net_s[many] / net_s[few]
    rows = [
        [
            name,
            f"{alternate.cpu_s(of):.1f}",
            " ".join(f"{usage.cpu_s:.1f}" for usage in of),
            f"{max(u.peak_mb for u in of):.0f}",
        ]
        for name, of in usages.items()
    ]
    return Section(
        "keywords",
        "Ten thousand keywords",
        ("kwsd with", f"CPU seconds for {duration_s(audio) / 60:.0f} min", "rounds", "peak MiB"),
        [*rows, ["**ratio, whole process**", f"**{whole:.2f}×**", f"**without start-up {running:.2f}×**", ""]],
        [
            f"loading {MANY}, CPU seconds from file to spotter: first {median(first):.2f}, then {median(again):.2f}",
            f"start-up: {alternate.cpu_s(starts[few]):.1f} and {alternate.cpu_s(starts[many]):.1f} CPU seconds",
            "the long list: `commands_large.txt`, then two to four of its words at random",
            "with 10 000 phrases out of the audio's own transcripts, one said every second, it was 1.25× (10:12 UTC)",
        ],
        figures={"ratio": whole, "ratio_running": running, "load_s": first, "load_again_s": again},
    )


def loads_s(keywords: Path) -> tuple[float, float]:
    """CPU seconds from keyword file to ready spotter, in processes of their own: the first, and one behind it."""
    with tempfile.TemporaryDirectory() as folder:
        kept = ["env", f"CACHE_DIRECTORY={folder}"]
        outputs = [run([*kept, str(PYTHON), "-m", "bench.engine.load_process", str(keywords)]).output for _ in range(2)]
    first, again = (float(json.loads(output)["cpu_s"]) for output in outputs)
    return first, again


def a_moment() -> Path:
    """A second of silence: what a process takes for it is its start-up."""
    path = WORK / "streams" / "moment.wav"
    if not path.exists():
        sound.write(path, silence(1))
    return path


def many_keywords() -> Path:
    """A raw keyword file of MANY phrases, none twice, always the same ones."""
    path = WORK / f"command-words-{MANY}.txt"
    if not path.exists():
        phrases = dict.fromkeys(LARGE.read_text(encoding="utf-8").splitlines())
        words = sorted({word for phrase in phrases for word in phrase.split() if word.isalpha()})
        draw = random.Random(0)
        while len(phrases) < MANY:
            phrases[" ".join(draw.sample(words, draw.randint(2, 4)))] = None
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("\n".join(phrases) + "\n", encoding="utf-8")
    return path
