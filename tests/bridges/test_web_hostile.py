"""`kwsd-web` among strangers: certificates that are none, a thousand connections, and a log that they cannot fill."""

import os
import shutil
import socket
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from kwsd.bridges.web.server import check_tls
from kwsd.cli.logs import RepeatLimit
from kwsd.config.web import Web
from kwsd.errors import ConfigError
from testkit.commands import run
from testkit.daemons import eventually
from testkit.web import KWSD_WEB, WebProcess, serving_page


@pytest.fixture(scope="module")
def web(tmp_path_factory: pytest.TempPathFactory) -> Iterator[WebProcess]:
    """The page of a daemon that is not there."""
    directory = tmp_path_factory.mktemp("hostile")
    with serving_page(directory, socket=directory / "s") as web:
        yield web


def connected(web: WebProcess) -> socket.socket:
    """Another connection."""
    return socket.create_connection(("127.0.0.1", int(web.address.partition(":")[2])), 10)


def test_what_is_no_http_fills_no_log(web: WebProcess) -> None:
    for _ in range(5 * RepeatLimit.MOST):
        with connected(web) as stranger:
            stranger.sendall(b"\x16\x03\x01 TLS, for example\r\n\r\n")
            stranger.recv(100)
    assert web.ask("/").status == 200
    assert web.log.read_text().count("Invalid HTTP request") == RepeatLimit.MOST


def test_a_thousand_connections_are_got_over(web: WebProcess) -> None:
    """1. Each sends half a request. 2. Who comes then is told that there is no room. 3. A little later there is."""
    with ExitStack() as open_ones:
        for _ in range(400):
            open_ones.enter_context(connected(web)).sendall(b"GET / HTTP/1.1\r\nX: ")
        assert web.ask("/").status in {200, 503}
        assert eventually(lambda: web.ask("/").status == 200, 20), "while all of them are still there"
    assert web.log.read_text().count("concurrency") <= RepeatLimit.MOST


def test_what_no_page_sends_is_refused_and_fills_no_log(web: WebProcess) -> None:
    """1. A number of thousands of digits. 2. A second Origin. 3. HEAD of what has no end, which would keep a place."""
    for path in (f"/api/clips/{'9' * 5000}", f"/api/saved/{'9' * 5000}", f"/{'x' * 201}"):
        assert web.ask(path).status == 414
    assert web.ask(f"/api/clips/{'9' * 180}").status == 404
    with connected(web) as stranger:
        ours = f"Host: {web.address}\r\nAuthorization: Bearer {web.token}\r\nOrigin: http://{web.address}\r\n"
        body = "Content-Type: application/json\r\nContent-Length: 0\r\n\r\n"
        stranger.sendall(f"POST /api/reload HTTP/1.1\r\n{ours}Origin: https://evil.example\r\n{body}".encode())
        assert b" 403 " in stranger.recv(100)
    assert web.ask("/api/events", method="HEAD").status == 405
    assert web.ask("/", method="HEAD").status == 200
    assert "Traceback" not in web.log.read_text()


@pytest.mark.skipif(shutil.which("openssl") is None, reason="needs apt package openssl")
def test_a_key_that_cannot_be_read_by_itself_is_told(tmp_path: Path) -> None:
    """1. A pipe in place of certificate or key, which nobody writes. 2. An encrypted key: the remedy helps."""
    usual = ("-newkey", "rsa:2048", "-subj", "/CN=wake.lan", "-days", "2", "-passout", "pass:secret")
    pair = ("-keyout", tmp_path / "secret.pem", "-out", tmp_path / "cert.pem")
    subprocess.run(["openssl", "req", "-x509", *usual, *pair], check=True, capture_output=True)
    os.mkfifo(tmp_path / "pipe")
    done = run(KWSD_WEB, "--port", 0, "--tls-cert", "pipe", "--tls-key", "secret.pem", home=tmp_path)
    assert (done.returncode, "is no regular file" in done.stderr) == (78, True), done.stderr
    cert, key, plain = (tmp_path / name for name in ("cert.pem", "secret.pem", "plain.pem"))
    for other, says in ((tmp_path / "pipe", "is no regular file"), (cert, "no certificate and its key")):
        with pytest.raises(ConfigError, match=says):
            check_tls(Web(tls_cert=cert, tls_key=other))
    with pytest.raises(ConfigError, match=r"openssl pkey -in .*secret\.pem -out plain\.pem"):
        check_tls(Web(tls_cert=cert, tls_key=key))
    remedy = ["openssl", "pkey", "-in", "secret.pem", "-out", "plain.pem", "-passin", "pass:secret"]
    subprocess.run(remedy, check=True, cwd=tmp_path)
    check_tls(Web(tls_cert=cert, tls_key=plain))


def test_help_on_a_full_disk_is_said_in_one_line() -> None:
    with Path("/dev/full").open("w") as full:
        done = subprocess.run([KWSD_WEB, "--help"], stdout=full, stderr=subprocess.PIPE, text=True, check=False)
    assert done.returncode == 1
    assert len(done.stderr.splitlines()) == 1
