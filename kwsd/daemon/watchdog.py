"""The watchdog, fed by progress and by nothing else."""

import asyncio
import logging
import time

from kwsd.daemon.capture import Capture
from kwsd.daemon.reporter import Reporter
from kwsd.daemon.systemd import Notifier
from kwsd.events import Heartbeat
from kwsd.outlets.bus import Bus

logger = logging.getLogger(__name__)

SILENT_S = 6.0  # without sound and without an error for so long, the driver hangs; its own limit is 5 s
FEEDS_PER_PERIOD = 6  # systemd asks for two at least


class Health:
    """Knows when something was last achieved.

    A feed takes a sign from the capture thread, a turn of the decoding thread, and a turn of the event loop: should
    any one of them hang, the watchdog starves and the service manager starts us anew.
    """

    def __init__(self, reporter: Reporter, notifier: Notifier, loop: asyncio.AbstractEventLoop) -> None:
        self._reporter = reporter
        self._notifier = notifier
        self._loop = loop
        self._period_s = (notifier.watchdog_s or 0.0) / FEEDS_PER_PERIOD
        self._fed_at_s = 0.0

    def progress(self) -> None:
        """From the decoding thread: sound was decoded, or an attempt to open the microphone ended."""
        self._reporter.standing.progress_at_s = now_s = time.monotonic()
        if self._period_s and now_s - self._fed_at_s >= self._period_s:
            self._fed_at_s = now_s
            self._loop.call_soon_threadsafe(self._feed)

    def _feed(self) -> None:
        self._notifier.send(WATCHDOG=1)

    async def watch_silence(self, capture: Capture) -> None:
        """Notice a microphone that gives neither sound nor an error, which its own thread may be unable to do."""
        while True:
            await asyncio.sleep(1)
            silent_s = time.monotonic() - capture.heard_at_s
            if capture.reopens and self._reporter.standing.state == "listening" and silent_s > SILENT_S:
                self._reporter.mic_lost(f"no sound and no error from it for {SILENT_S:.0f} s")

    async def send_heartbeats(self, bus: Bus, period_s: float) -> None:
        """A sign of life for who subscribed to it."""
        while True:
            await asyncio.sleep(period_s)
            if "heartbeat" in bus.wanted:
                standing = self._reporter.standing
                age_s = round(time.monotonic() - standing.progress_at_s, 3)
                bus.publish(Heartbeat(state=standing.state, stream_time=standing.position_s, progress_age_s=age_s))
