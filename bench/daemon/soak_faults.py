"""Everything that goes wrong in a soak, one method each."""

import signal
import time
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from bench.daemon.soak_stage import Speaker
from kwsd.events import Detection, Heartbeat, Level, NearMiss
from testkit.daemons import DaemonProcess, eventually
from testkit.serving import Client

COMES_BACK_S = 20.0
MOST_CLIENTS = 40


class Faults:
    """Does harm, and checks that it is recovered from."""

    def __init__(self, daemon: DaemonProcess, speaker: Speaker, keyword_file: Path) -> None:
        self.counts: Counter[str] = Counter()
        """How often each was done."""
        self.failures: list[str] = []
        """What was not recovered from in time."""
        self.hangs_s: list[tuple[float, float]] = []
        """When the microphone hung, on the monotonic clock."""
        self._daemon = daemon
        self._plug = speaker.plug
        self._dice = speaker.dice
        self._speaker = speaker
        self._keyword_file = keyword_file
        self._good_keywords = keyword_file.read_text()
        self._clients: list[Client] = []

    def do_one(self) -> None:
        """One of them, by chance."""
        weights: dict[Callable[[], None], int] = {
            self.pull_out: 2,
            self.pull_out_while_speaking: 2,
            self.mute: 2,
            self.hang_up: 4,
            self.reload_bad: 2,
            self.set_threshold: 3,
            self.stuck_subscriber: 4,
            self.rubbish: 3,
            self.come_and_go: 3,
            self.hang: 1,
            self.fetch_clip: 2,
        }
        (fault,) = self._dice.choices(list(weights), list(weights.values()))
        self.counts[fault.__name__] += 1
        try:
            fault()
        except TimeoutError as failure:
            self.failures.append(f"{fault.__name__}: {failure}")

    def pull_out(self) -> None:
        """Unplugged for a while, between phrases."""
        self._plug.pull_out()
        time.sleep(self._dice.uniform(0.2, 8))
        self._plug_in()

    def pull_out_while_speaking(self) -> None:
        """Unplugged in the middle of a phrase."""
        self._speaker.be_cut_off(self._plug.pull_out)
        self._plug_in()

    def mute(self) -> None:
        """Muted for a while: the microphone must be closed, and opened again."""
        self._daemon.ask(command="mute")
        _need(lambda: not self._plug.is_open, "muted, but the microphone is open")
        time.sleep(self._dice.uniform(0, 3))
        self._daemon.ask(command="unmute")
        _need(lambda: self._plug.is_open, "unmuted, but the microphone is closed")

    def hang_up(self) -> None:
        """SIGHUP in the middle of a phrase: the list is reloaded and nothing is lost."""
        self._speaker.speak(during=lambda: self._daemon.signal(signal.SIGHUP))

    def reload_bad(self) -> None:
        """A broken keyword file in the middle of a phrase: the old list stays and nothing is lost."""
        self._keyword_file.write_text("@@@ 123 ###\n")
        self._speaker.speak(during=lambda: self._daemon.ask(command="reload"))
        self._keyword_file.write_text(self._good_keywords)
        time.sleep(1)

    def set_threshold(self) -> None:
        """Every keyword compiled anew in the middle of a phrase: nothing is lost."""
        self._speaker.speak(during=lambda: self._daemon.ask(command="set_threshold", threshold=0.3))

    def stuck_subscriber(self) -> None:
        """It asks for everything there is and reads none of it."""
        client, _ = self._daemon.client()
        client.send(command="subscribe", types=[Level.type, Detection.type, Heartbeat.type, NearMiss.type])
        self._clients.append(client)
        if len(self._clients) > MOST_CLIENTS:
            self._clients.pop(0).close()

    def rubbish(self) -> None:
        """A subscriber that sends random bytes until it is shown out."""
        client, _ = self._daemon.client()
        with client, suppress(OSError):
            for _ in range(20):
                client.send_bytes(self._dice.randbytes(1000))

    def come_and_go(self) -> None:
        """Fifty connections that vanish at once."""
        for _ in range(50):
            Client(self._daemon.socket_path).close()

    def hang(self) -> None:
        """Reading the microphone does not return, for a while. The watchdog starves, rightly."""
        began_s = time.monotonic()
        self._plug.frozen = True
        time.sleep(8)
        self._plug.frozen = False
        _need(lambda: self._state() == "listening", "the microphone works again, but is not heard")
        self.hangs_s.append((began_s, time.monotonic()))

    def fetch_clip(self) -> None:
        """The sound of the last detection, if that is not too long ago."""
        self._daemon.ask(command="clip", id=self._speaker.ear.last_id)

    def _plug_in(self) -> None:
        self._plug.plug_in()
        _need(lambda: self._plug.is_open and self._state() == "listening", "plugged in, but not heard")

    def _state(self) -> object:
        return self._daemon.ask(command="status")["data"]["state"]


def _need(condition: Callable[[], object], complaint: str) -> None:
    if not eventually(condition, COMES_BACK_S):
        raise TimeoutError(complaint)
