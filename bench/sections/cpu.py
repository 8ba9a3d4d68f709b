"""Processor time for an hour of speech."""

from bench import duel, streams
from bench.paths import SHARED
from bench.processes import kwsd_command, peer_command
from bench.report import Section

HOURS = 0.25
ROUNDS = 3
KEYWORDS = SHARED / "keywords" / "commands_small.txt"


def measure(jobs: int) -> Section:
    """Whole processes, start and model loading included."""
    del jobs
    audio = streams.speech(HOURS)
    commands = {"sherpa-onnx": peer_command(KEYWORDS, audio), "kwsd": kwsd_command(KEYWORDS, audio)}
    usages = duel.alternate(commands, ROUNDS)
    ratio = duel.ratio(usages["kwsd"], usages["sherpa-onnx"])
    rows = [
        [
            name,
            f"{duel.cpu_s(of):.1f}",
            " ".join(f"{each.cpu_s:.1f}" for each in of),
            f"{duel.cpu_s(of) / 3600 / HOURS:.4f}",
        ]
        for name, of in usages.items()
    ]
    rows.append(["**kwsd over sherpa-onnx**", f"**{ratio:.2f}×**", "median over the rounds", ""])
    return Section(
        "cpu",
        "Processor time, one thread, whole process",
        (
            "process",
            f"CPU seconds for {HOURS * 60:.0f} min of speech, median",
            f"of {ROUNDS} rounds in alternation",
            "share of one core",
        ),
        rows,
        ["user and system time; 20 keywords (`commands_small.txt`); LibriSpeech, utterances 0.5 s apart"],
        figures={"ratio": ratio, **{name: [usage.cpu_s for usage in of] for name, of in usages.items()}},
    )
