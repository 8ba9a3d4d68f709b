"""The real `kwsd-web` as a process of its own, and a client that asks it things as no browser would."""

import json
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import asdict, dataclass
from http.client import HTTPConnection, HTTPResponse
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import numpy as np

from kwsd.keywords.keyword import Keyword
from kwsd.search.settings import SearchSettings
from kwsd.tuning.curves import curve_of
from testkit.commands import clean_environment

KWSD_WEB = str(Path(sys.executable).with_name("kwsd-web"))


def curve(keyword: str) -> dict[str, Any]:
    """A keyword as `kwsctl tune --json` prints it."""
    dice = np.random.default_rng(0)
    heard, false = dice.normal(0.75, 0.15, 30).tolist(), dice.normal(0.3, 0.1, 60).tolist()
    return asdict(curve_of(Keyword(keyword), heard, false, hours=8.0, per_hour=0.3, search=SearchSettings()))


@dataclass(frozen=True, slots=True)
class Answer:
    """To one request."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        """What the body says."""
        return json.loads(self.body)


class WebProcess:
    """A running `kwsd-web`."""

    def __init__(self, process: subprocess.Popen[str], link: str, log: Path) -> None:
        self.process = process
        self.link = link
        self.log = log
        self.address = urlsplit(link).netloc
        self.token = urlsplit(link).fragment.removeprefix("token=")

    def ask(
        self, path: str, fields: object = None, *, method: str | None = None, body: bytes | None = None, **headers: str
    ) -> Answer:
        """One request, with our token and as JSON unless the headers say otherwise; `x_y` is the header X-Y."""
        if fields is not None:
            body = json.dumps(fields).encode()
        given = {name.replace("_", "-"): value for name, value in headers.items()}
        sent = {"Authorization": f"Bearer {self.token}", "Content-Type": "application/json", **given}
        with closing(HTTPConnection(self.address, timeout=20)) as connection:
            connection.request(method or ("GET" if body is None else "POST"), path, body, sent)
            answer = connection.getresponse()
            return Answer(answer.status, {k.lower(): v for k, v in answer.getheaders()}, answer.read())

    @contextmanager
    def page(self) -> Iterator["OpenPage"]:
        """An open page, which is told things."""
        with closing(HTTPConnection(self.address, timeout=20)) as connection:
            connection.request("GET", "/api/events", headers={"Authorization": f"Bearer {self.token}"})
            yield OpenPage(connection.getresponse())


class OpenPage:
    """What a page is told."""

    def __init__(self, answer: HTTPResponse) -> None:
        assert answer.status == 200, answer.read()
        self._answer = answer

    def read(self) -> dict[str, Any]:
        """The next record."""
        record: dict[str, Any] = json.loads(self._answer.readline())
        return record

    def read_until(self, kind: str, **fields: object) -> dict[str, Any]:
        """The next record of a type, with these fields; others are passed over."""
        while True:
            record = self.read()
            if record["type"] == kind and all(record[name] == value for name, value in fields.items()):
                return record

    def status_with(self, state: str) -> dict[str, Any]:
        """The next status in which the daemon is in a state."""
        while (status := self.read_until("status")["status"] or {"state": "gone"})["state"] != state:
            pass
        return status


@contextmanager
def serving_page(directory: Path, *arguments: object, socket: Path) -> Iterator[WebProcess]:
    """`kwsd-web` on a free port for the daemon at `socket`, ended at the end."""
    command = [KWSD_WEB, "--port", "0", "--socket", str(socket), *map(str, arguments)]
    log = directory / "web.log"
    with log.open("wb") as errors:
        process = subprocess.Popen(
            command,
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
            env=clean_environment(directory, {"XDG_STATE_HOME": str(directory / "state")}),
        )
    try:
        assert process.stdout is not None
        link = process.stdout.readline().strip()
        assert link, log.read_text()
        yield WebProcess(process, link, log)
    finally:
        process.terminate()
        try:
            process.wait(10)
        finally:
            process.kill()
            process.wait()
            if process.stdout is not None:
                process.stdout.close()
