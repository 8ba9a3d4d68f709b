"""What open pages of `kwsd-web` cost the daemon and `kwsd-web`, and what pages that come and go leave behind."""

import selectors
import socket
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import median

import numpy as np
import psutil
import soundfile

from bench.daemon.soak_sampling import anonymous_mb
from measure.paths import ROOT
from measure.progress import say
from testkit.browser import chromium, person
from testkit.daemons import DaemonProcess, Plug, eventually, running
from testkit.web import WebProcess, serving_page

TURNS = 4
SETTLES_S = 2.0
BATCHES, PAGES_A_BATCH = 4, 500
PAGES_A_SECOND = 15  # fewer than kwsd-web refuses
COLLECTED_S = 5.0
MANY = 10


class Readers:
    """Open pages without a browser: the one request that the page's script makes, and everything that comes of it."""

    def __init__(self, web: WebProcess, pages: int) -> None:
        self.read = 0
        """Bytes, of all of them."""
        self._web = web
        self._selector = selectors.DefaultSelector()
        self._ends = threading.Event()
        for _ in range(pages):
            self._selector.register(asking(web), selectors.EVENT_READ)
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def close(self) -> None:
        """Close them all."""
        self._ends.set()
        self._thread.join()
        for key in list(self._selector.get_map().values()):
            assert isinstance(key.fileobj, socket.socket)  # noqa: S101  registered above
            key.fileobj.close()
        self._selector.close()

    def _run(self) -> None:
        while not self._ends.is_set():
            for key, _ in self._selector.select(0.5):
                assert isinstance(key.fileobj, socket.socket)  # noqa: S101  likewise
                self.read += len(key.fileobj.recv(1 << 16))


def asking(web: WebProcess) -> socket.socket:
    """A connection that has asked for what happens, as `api.js` does."""
    host, _, port = web.address.partition(":")
    page = socket.create_connection((host, int(port)), 20)
    headers = f"Host: {web.address}\r\nAuthorization: Bearer {web.token}\r\nSec-Fetch-Site: same-origin\r\n"
    page.sendall(f"GET /api/events HTTP/1.1\r\n{headers}\r\n".encode())
    return page


@contextmanager
def no_page(_web: WebProcess) -> Iterator[None]:
    """All closed."""
    yield


@contextmanager
def readers(web: WebProcess, pages: int) -> Iterator[None]:
    """So many open ones."""
    reading = Readers(web, pages)
    try:
        yield
    finally:
        reading.close()
    if reading.read < 1000 * pages:
        raise SystemExit(f"{pages} pages were told {reading.read} bytes: not what was to be measured")


@dataclass(frozen=True, slots=True)
class Cost:
    """Shares of a core in one turn."""

    daemon: float
    web: float


def turn(daemon: DaemonProcess, web: WebProcess, plug: Plug, sound: np.ndarray) -> Cost:
    """While this is said once."""
    time.sleep(SETTLES_S)
    processes = [psutil.Process(each.process.pid) for each in (daemon, web)]
    before, began_s = [sum(each.cpu_times()[:2]) for each in processes], time.monotonic()
    plug.say_all(sound)
    took_s = time.monotonic() - began_s
    return Cost(
        *(100 * (sum(each.cpu_times()[:2]) - was) / took_s for each, was in zip(processes, before, strict=True))
    )


@contextmanager
def stage(directory: Path) -> Iterator[tuple[Plug, DaemonProcess, WebProcess]]:
    """The daemon as it comes, with a microphone that can be spoken into, and its page."""
    keywords = (ROOT / "keywords" / "demo.txt").read_text(encoding="utf-8")
    with (
        Plug(directory) as plug,
        running(directory, ROOT / "models" / "kwsd-en", "--clips", keywords=keywords) as daemon,
        serving_page(directory, socket=daemon.socket_path) as web,
    ):
        eventually(lambda: plug.is_open)
        yield plug, daemon, web


def section() -> list[str]:
    """A row for each number of pages, in turn with none."""
    sound, _ = soundfile.read(ROOT / "models" / "demo.wav", dtype="float32")
    with tempfile.TemporaryDirectory(prefix="kwsd-page-") as name, ExitStack() as stack:
        plug, daemon, web = stack.enter_context(stage(Path(name)))
        browser = stack.enter_context(chromium())

        @contextmanager
        def in_chromium(web: WebProcess) -> Iterator[None]:
            with person(browser, web) as one:
                one.open()
                yield

        kinds = {
            "no page": no_page,
            "one page": lambda web: readers(web, 1),
            f"{MANY} pages": lambda web: readers(web, MANY),
            "one page, in Chromium": in_chromium,
        }
        turns: dict[str, list[Cost]] = {kind: [] for kind in kinds}
        for number in range(TURNS):
            for kind in list(kinds) if number % 2 else reversed(kinds):
                with kinds[kind](web):
                    turns[kind].append(turn(daemon, web, plug, sound))
                say(f"{kind}: {turns[kind][-1]}")
    return table(turns)


def table(turns: dict[str, list[Cost]]) -> list[str]:
    """Medians, and how much more than the turns of the same round without a page."""
    none = turns["no page"]
    lines = [
        f"kwsd-en, `models/demo.wav` said over and over, {TURNS} rounds in each of which every row has its turn, 24 s.",
        "% of one core, medians; *more* (median, most) is what a turn had more than the one without a page in its",
        "round. A page is the request that the page's script makes, all of whose answer is read; the last row is the",
        "page itself, in a Chromium that draws it on the same cores.",
        "",
        "| open | daemon | more | most | kwsd-web |",
        "|---|---|---|---|---|",
    ]
    for kind, costs in turns.items():
        more = [cost.daemon - without.daemon for cost, without in zip(costs, none, strict=True)]
        daemon, web = (median(getattr(cost, field) for cost in costs) for field in ("daemon", "web"))
        told = "| | " if kind == "no page" else f"| {median(more):+.2f} | {max(more):+.2f} "
        lines.append(f"| {kind} | {daemon:.2f} {told}| {web:.2f} |")
    return lines


def memory_section() -> list[str]:
    """What pages that come and go leave in both processes."""
    with tempfile.TemporaryDirectory(prefix="kwsd-page-") as name, stage(Path(name)) as (_, daemon, web):
        used: dict[str, list[float]] = {"kwsd": [], "kwsd-web": []}
        files: dict[str, list[int]] = {"kwsd": [], "kwsd-web": []}
        for _ in range(BATCHES):
            for _ in range(PAGES_A_BATCH):
                with web.page() as page:
                    page.read_until("status")
                time.sleep(1 / PAGES_A_SECOND)
            time.sleep(COLLECTED_S)
            for program, process in (("kwsd", daemon.process), ("kwsd-web", web.process)):
                used[program].append(anonymous_mb(process.pid))
                files[program].append(psutil.Process(process.pid).num_fds())
            say(str(used))
    lines = [
        f"{BATCHES} batches of {PAGES_A_BATCH} pages, each opened, told how things stand, and closed.",
        "",
        "| program | anonymous memory after each, MB | kB a page, after the first batch | open files after each |",
        "|---|---|---|---|",
    ]
    for program, mb in used.items():
        each_kb = 1000 * (mb[-1] - mb[0]) / (PAGES_A_BATCH * (BATCHES - 1))
        told = (" / ".join(f"{each:.2f}" for each in mb), " / ".join(map(str, files[program])))
        lines.append(f"| {program} | {told[0]} | {each_kb:+.2f} | {told[1]} |")
    return lines
