"""`kwsd-web` beside a real daemon, asked without a browser: who gets in, what it tells, what it bounds."""

import json
import shutil
import socket
import ssl
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from pathlib import Path

import pytest

from kwsd.bridges.web.curves import CurveError, read_curves
from kwsd.events import Detection, Held, Level, Spectrum
from testkit.commands import clean_environment, run
from testkit.daemons import Plug, eventually, phrase, running
from testkit.serving import serving
from testkit.web import KWSD_WEB, WebProcess, curve, serving_page

EVERY_ADDRESS = "0.0.0.0"  # noqa: S104 - of this machine, for a moment


def test_a_page_is_told_what_happens(tmp_path: Path, tiny_model_dir: Path) -> None:
    """Scenario.

    1. A page opens, then a phrase is said: it is told of the detection, then that its sound is there; it plays.
    2. Mute: the answer comes when the microphone is closed, and the page is told. 3. Unmuted, the daemon is killed: the
    page is told, and asking it something says why not. 4. A new daemon: told, with the fault. 5. A page opened later
    finds what was heard. 6. SIGTERM: exit code 0.
    """
    plug = Plug(tmp_path)
    plug.plug_in()
    with serving_page(tmp_path, socket=tmp_path / "s") as web:
        with running(tmp_path, tiny_model_dir, "--clips") as daemon, web.page() as page:
            assert page.read()["type"] == "snapshot"
            page.status_with("listening")
            assert -90 < page.read_until("spectrum")["rms_db"] < 0
            plug.say(phrase("LIGHT ON"))
            heard = page.read_until("detection")
            assert (heard["keyword"], heard["sound"]) == ("LIGHT ON", False)
            page.read_until("sound", number=heard["number"], sound=True)
            wav = web.ask(f"/api/clips/{heard['number']}")
            assert (wav.headers["content-type"], wav.body[:4], len(wav.body) > 16_000) == ("audio/wav", b"RIFF", True)

            assert web.ask("/api/mute", {"muted": True}).status == 200
            assert eventually(lambda: not plug.is_open, 1)  # it notices when it speaks
            page.status_with("muted")
            assert web.ask("/api/mute", {"muted": False}).status == 200
            page.status_with("listening")
            daemon.process.kill()
            page.status_with("gone")
            refused = web.ask("/api/mute", {"muted": True})
            assert (refused.status, refused.json) == (409, {"error": "the daemon is not running"})
        with running(tmp_path, tiny_model_dir), web.page() as page:
            told = page.read()
            assert [event["keyword"] for event in told["heard"]] == ["LIGHT ON"]
            assert told["fault"]["text"] == "the daemon ended"
            page.status_with("listening")
        web.process.terminate()
        assert web.process.wait(10) == 0


def test_the_daemon_pays_for_open_pages_alone(tmp_path: Path) -> None:
    """1. No page: no picture is asked for. 2. Two pages: one subscription. 3. Both closed: none again."""
    with serving(tmp_path / "s") as daemon, serving_page(tmp_path, socket=tmp_path / "s") as web:
        assert eventually(lambda: Detection.type in daemon.server.wants)
        assert not daemon.server.wants & {Held.type, Level.type, Spectrum.type}
        with web.page() as page, web.page() as other:
            assert eventually(lambda: {Held.type, Spectrum.type} <= daemon.server.wants)
            assert Level.type not in daemon.server.wants
            daemon.bus.publish(Spectrum(bands=1, column_s=0.02, picture="AAAA", rms_db=-20.0, peak_db=-3.0))
            assert page.read_until("spectrum")["peak_db"] == other.read_until("spectrum")["peak_db"] == -3.0
            assert len(daemon.server.connections) == 2  # the second waits for sound
        assert eventually(lambda: Spectrum.type not in daemon.server.wants)


@pytest.fixture(scope="module")
def locked(tmp_path_factory: pytest.TempPathFactory) -> Iterator[WebProcess]:
    """A page whose daemon is not there."""
    directory = tmp_path_factory.mktemp("web")
    with serving_page(directory, socket=directory / "s") as web:
        yield web


HOSTS = (
    "evil.example",
    "evil.example:{port}",
    "127.0.0.1",
    "127.0.0.1:1",
    "",
    "localhost.evil.example:{port}",
    "a:b:c",
)


@pytest.mark.parametrize("host", HOSTS)
def test_another_name_is_refused_before_anything_else(locked: WebProcess, host: str) -> None:
    """A name of DNS can be made to mean us: the page would be of one origin with whoever made it so."""
    name = host.format(port=locked.address.partition(":")[2])
    for path in ("/", "/api/events"):
        assert locked.ask(path, Host=name).status == 403


@pytest.mark.parametrize("name", ["localhost", "127.0.0.1", "LOCALHOST"])
def test_our_own_names_are_not(locked: WebProcess, name: str) -> None:
    assert locked.ask("/", Host=f"{name}:{locked.address.partition(':')[2]}").status == 200


@pytest.mark.parametrize("origin", ["null", "https://evil.example", "http://127.0.0.1:1", "https://{address}"])
def test_another_page_is_refused(locked: WebProcess, origin: str) -> None:
    assert locked.ask("/api/reload", {}, Origin=origin.format(address=locked.address)).status == 403
    assert locked.ask("/api/reload", {}, Origin=f"http://{locked.address}").status == 409  # no daemon: it got through
    assert locked.ask("/api/reload", {}, Sec_Fetch_Site="same-site").status == 403


def test_without_the_token_there_is_nothing(locked: WebProcess) -> None:
    """1. None, a wrong one, one in the URL: 401. 2. Many of them: 429, while the right one still opens."""
    for wrong in ("", "Bearer x", f"Basic {locked.token}"):
        answer = locked.ask("/api/events", Authorization=wrong)
        assert (answer.status, locked.token in answer.body.decode()) == (401, False)
    assert locked.ask(f"/api/events?token={locked.token}", Authorization="").status == 401
    statuses = {locked.ask("/api/reload", {}, Authorization="Bearer é").status for _ in range(20)}
    assert statuses == {401, 429}
    assert locked.ask("/api/reload", {}).status == 409


def test_changes_are_json_and_bounded(locked: WebProcess) -> None:
    port = int(locked.address.partition(":")[2])
    assert locked.ask("/api/reload").status == 405
    assert locked.ask("/api/reload", {}, Content_Type="text/plain").status == 415
    assert locked.ask("/api/mute", {"muted": "yes"}).status == 422
    assert locked.ask("/api/mute", body=b"[" * 100_000).status == 422
    assert locked.ask("/api/mute", body=b"x" * ((1 << 20) + 1)).status == 413
    assert locked.ask("/", method="OPTIONS").status == 405
    with socket.create_connection(("127.0.0.1", port), 10) as long_header:
        long_header.sendall(b"GET / HTTP/1.1\r\nX: " + b"x" * 100_000)
        assert b" 400 " in long_header.recv(100)


@pytest.mark.parametrize(
    "path", ["/../pyproject.toml", "/%2e%2e/app.py", "/app.py", "//etc/passwd", "/api/clips/..%2f1"]
)
def test_no_path_reaches_the_file_system(locked: WebProcess, path: str) -> None:
    assert locked.ask(path).status == 404


def test_every_answer_has_the_headers_and_none_the_token(locked: WebProcess) -> None:
    for path in ("/", "/page.js", "/page.css", "/icon.svg", "/none", "/api/clips/1"):
        answer = locked.ask(path)
        policy = answer.headers["content-security-policy"]
        assert "default-src 'none'" in policy
        assert "unsafe" not in policy
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["referrer-policy"] == "no-referrer"
        assert answer.headers["cache-control"] == "no-store"
        assert "server" not in answer.headers
        assert locked.token.encode() not in answer.body
    page = locked.ask("/").body.decode()
    assert " style=" not in page
    assert "<script>" not in page
    assert "://" not in page.replace("http://www.w3.org/2000/svg", "")


def test_pages_are_counted(locked: WebProcess) -> None:
    """1. 32 pages are open; the next is told why not. 2. One closes: there is room again."""
    pages = [locked.page() for _ in range(32)]
    opened = [page.__enter__() for page in pages]
    assert all(page.read()["type"] == "snapshot" for page in opened)
    assert locked.ask("/api/events").status == 503
    for page in pages:
        page.__exit__(None, None, None)
    assert eventually(lambda: _opens(locked), 20)


def _opens(web: WebProcess) -> bool:
    try:
        with web.page() as page:
            return bool(page.read()["type"] == "snapshot")
    except AssertionError:
        return False


def test_the_token_is_private_and_stays(tmp_path: Path) -> None:
    """1. Made at the first start, for us alone. 2. The same at the second. 3. Readable by others: refused, named."""
    tokens = []
    for _ in range(2):
        with serving_page(tmp_path, socket=tmp_path / "s") as web:
            tokens.append(web.token)
    file = tmp_path / "state" / "kwsd" / "web-token"
    assert tokens == [file.read_text().strip()] * 2
    assert file.stat().st_mode & 0o777 == 0o600
    file.chmod(0o644)
    refused = run(KWSD_WEB, "--port", 0, "--token-file", file, home=tmp_path)
    assert (refused.returncode, f"chmod 600 {file}" in refused.stderr) == (78, True)


def test_the_journal_is_not_told_the_token(tmp_path: Path) -> None:
    told = (tmp_path / "told").open("w+")
    environment = clean_environment(tmp_path, {"XDG_STATE_HOME": str(tmp_path), "JOURNAL_STREAM": "1:2"})
    process = subprocess.Popen([KWSD_WEB, "--port", "0"], stdout=told, stderr=told, env=environment)
    try:
        assert eventually(lambda: (tmp_path / "told").read_text().count("\n") >= 2, 20)
    finally:
        process.terminate()
        process.wait()
        told.close()
    token = (tmp_path / "kwsd" / "web-token").read_text().strip()
    assert token not in (tmp_path / "told").read_text()


@pytest.mark.parametrize(
    ("arguments", "code", "says"),
    [
        (("--host", "no.such.host.invalid"), 1, "--host no.such.host.invalid"),
        (("--tls-cert", "cert.pem"), 78, "--tls-key"),
        (("--tls-cert", "none.pem", "--tls-key", "none.pem"), 78, "none.pem"),
        (("--token-file", "/proc/none/x"), 78, "/proc/none/x"),
    ],
)
def test_what_cannot_be_is_said(tmp_path: Path, arguments: tuple[object, ...], code: int, says: str) -> None:
    done = run(KWSD_WEB, *arguments, home=tmp_path)
    assert (done.returncode, says in done.stderr, "Traceback" in done.stderr) == (code, True, False), done.stderr


def test_a_port_that_is_taken_is_named(tmp_path: Path, locked: WebProcess) -> None:
    port = locked.address.partition(":")[2]
    done = run(KWSD_WEB, "--port", port, home=tmp_path)
    assert (done.returncode, f"port {port}" in done.stderr) == (1, True)


def test_who_says_nothing_takes_no_place(locked: WebProcess) -> None:
    """1. A connection without a request, with half of one, with half of a second, with a body that drips: all closed.

    2. Others are served meanwhile.
    """
    address = ("127.0.0.1", int(locked.address.partition(":")[2]))
    head = f"GET /icon.svg HTTP/1.1\r\nHost: {locked.address}\r\n".encode()
    begun = (b"", b"GET / HTTP/1.1\r\nHost: x", head + b"\r\nGET / HTTP", head + b"Content-Length: 99\r\n\r\n")
    with ExitStack() as open_ones:
        sockets = [open_ones.enter_context(socket.create_connection(address, 20)) for _ in begun]
        for each, request in zip(sockets, begun, strict=True):
            each.sendall(request)
        assert locked.ask("/").status == 200
        assert eventually(lambda: sum(map(is_closed, sockets)) == len(sockets), 20)


def is_closed(connection: socket.socket) -> bool:
    """Whether the other end hung up; another byte is sent else, which is no sign of a request's end."""
    try:
        connection.settimeout(0.1)
        while connection.recv(1 << 16):
            pass
    except TimeoutError:
        with suppress(OSError):
            connection.sendall(b"x")
        return False
    except OSError:
        pass
    return True


def test_no_other_protocol_is_spoken(locked: WebProcess) -> None:
    """A WebSocket is asked for: the page as ever, and nobody is told to install what kwsd has no use for."""
    wanted = locked.ask(
        "/", upgrade="websocket", connection="Upgrade", sec_websocket_version="13", sec_websocket_key="eA=="
    )
    assert wanted.status == 200
    assert "uvicorn" not in locked.log.read_text()


def test_curves_of_tune_are_passed_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """1. None: none. 2. What tune printed, with an infinite bound. 3. What it measured last. 4. Another file: said."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    assert read_curves(None) == []
    file = tmp_path / "kwsd" / "tuning" / "curves.jsonl"
    file.parent.mkdir(parents=True)
    told = curve("LIGHT ON")
    told["points"][0]["false_high"] = float("inf")  # as without any background
    file.write_text(json.dumps(told) + "\n")
    (found,) = read_curves(file)
    assert (found["keyword"], found["points"][0]["false_high"], len(found["points"])) == ("LIGHT ON", None, 40)
    assert found["proposed"] == told["proposed"]
    assert read_curves(None) == [found]
    for other in ("{}", "[" * 100_000, "no JSON", '{"keyword": 1}'):
        file.write_text(other)
        with pytest.raises(CurveError, match="kwsctl tune --json"):
            read_curves(file)
    with pytest.raises(CurveError, match="cannot be read"):
        read_curves(tmp_path / "none")


@pytest.mark.skipif(shutil.which("openssl") is None, reason="needs apt package openssl")
def test_beyond_this_machine_it_is_https_by_the_names_it_has(tmp_path: Path) -> None:
    """1. On all addresses with a certificate: the links are https. 2. Asked for by address or its name, else refused.

    3. Without a certificate it says that the token goes unencrypted.
    """
    pair = ("-keyout", tmp_path / "key.pem", "-out", tmp_path / "cert.pem")
    usual = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-subj", "/CN=wake.lan", "-days", "2")
    subprocess.run(["openssl", "req", "-x509", "-nodes", *usual, *pair], check=True, capture_output=True)
    tls = ("--tls-cert", tmp_path / "cert.pem", "--tls-key", tmp_path / "key.pem")
    with serving_page(tmp_path, "--host", EVERY_ADDRESS, *tls, "--names", "wake.lan", socket=tmp_path / "s") as web:
        assert web.link.startswith("https://127.0.0.1:")
        port = web.address.partition(":")[2]
        context = ssl.create_default_context(cafile=str(tmp_path / "cert.pem"))
        for name, status in ((f"wake.lan:{port}", 200), (f"127.0.0.1:{port}", 200), (f"evil.lan:{port}", 403)):
            plain = socket.create_connection(("127.0.0.1", int(port)), 20)
            with context.wrap_socket(plain, server_hostname="wake.lan") as connection:
                connection.sendall(f"GET / HTTP/1.1\r\nHost: {name}\r\nConnection: close\r\n\r\n".encode())
                assert f" {status} ".encode() in connection.recv(100)
    with serving_page(tmp_path, "--host", EVERY_ADDRESS, socket=tmp_path / "s") as web:
        assert "unencrypted" in web.log.read_text()
