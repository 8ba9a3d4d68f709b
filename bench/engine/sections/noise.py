"""The same stream of wake words under environment noise."""

from bench.engine.report import Section
from bench.engine.sections.wakewords import section
from measure import streams

SNR_DB = 10.0


def measure(jobs: int) -> Section:
    """Recall and false alarms at SNR_DB."""
    note = "all of `shared/noise`, each file at the same power, laid under the whole stream"
    return section("noise", f"Wake words at {SNR_DB:g} dB SNR", streams.wakewords(SNR_DB), [note], jobs)
