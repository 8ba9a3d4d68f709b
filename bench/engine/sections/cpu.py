"""Processor time for an hour of speech."""

from bench.engine import alternate
from bench.engine.optimised import optimised_model
from bench.engine.processes import kwsd_command, peer_command
from bench.engine.report import Section
from measure import streams
from measure.paths import SHARED

HOURS = 0.05  # 3 min, of which the start of a process is a tenth to a fifth
ROUNDS = 9
KEYWORDS = SHARED / "keywords" / "commands_small.txt"


def measure(jobs: int) -> Section:
    """Whole processes, start and model loading included."""
    del jobs
    audio = streams.speech(HOURS)
    commands = {
        "sherpa-onnx": peer_command(KEYWORDS, audio),
        "kwsd, the same weights": kwsd_command(KEYWORDS, audio, optimised_model()),
        "kwsd, the same weights as exported": kwsd_command(KEYWORDS, audio),
        "kwsd, kwsd-en": kwsd_command(KEYWORDS, audio, "kwsd-en"),
    }
    usages = alternate.alternate(commands, ROUNDS)
    ratios = {name: alternate.ratio(of, usages["sherpa-onnx"]) for name, of in usages.items()}
    rows = [
        [
            name,
            f"{alternate.cpu_s(of):.1f}",
            " ".join(f"{each.cpu_s:.1f}" for each in of),
            f"{alternate.cpu_s(of) / 3600 / HOURS:.4f}",
            f"**{ratios[name]:.2f}×**",
        ]
        for name, of in usages.items()
    ]
    return Section(
        "cpu",
        "Processor time, one thread, whole process",
        (
            "process",
            f"CPU seconds for {HOURS * 60:.0f} min of speech, median",
            f"of {ROUNDS} rounds in alternation",
            "share of one core",
            "over sherpa-onnx, median over the rounds",
        ),
        rows,
        ["user and system time; 20 keywords (`commands_small.txt`); LibriSpeech, utterances 0.5 s apart"],
        figures={
            "ratio": ratios["kwsd, the same weights"],
            "ratios": ratios,
            **{name: [usage.cpu_s for usage in of] for name, of in usages.items()},
        },
    )
