"""`kwsd-wyoming --zeroconf` is found by another program's browser, as Home Assistant's is one."""

import json
import socket
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest
from zeroconf import IPVersion, ServiceBrowser, ServiceListener, Zeroconf

from kwsd import __version__
from kwsd.bridges.wyoming.announce import SERVICE, addresses
from testkit.daemons import eventually
from testkit.wyoming import serving


class Browser(ServiceListener):
    """What is announced at the moment, and whatever was."""

    def __init__(self) -> None:
        self.there: set[str] = set()
        self.told: list[str] = []
        self.network = Zeroconf(ip_version=IPVersion.V4Only)
        ServiceBrowser(self.network, SERVICE, self)

    def add_service(self, zc: Zeroconf, type_: str, name: str) -> None:  # noqa: ARG002 - as the library calls it
        self.there.add(name)
        self.told.append(name)

    def remove_service(self, zc: Zeroconf, type_: str, name: str) -> None:  # noqa: ARG002
        self.there.discard(name)

    def update_service(self, zc: Zeroconf, type_: str, name: str) -> None:
        """The same service, otherwise."""


@pytest.fixture
def outward() -> str:
    """An address that others can reach this machine by."""
    found = [address for address in addresses("0.0.0.0") if ":" not in address]  # noqa: S104 - only compared
    if not found:
        pytest.skip("this machine has no network but loopback, on which nothing is announced")
    return found[0]


@contextmanager
def browsing() -> Iterator[Browser]:
    browser = Browser()
    try:
        yield browser
    finally:
        browser.network.close()


def ours(names: set[str]) -> list[str]:
    """Names that this machine gives itself."""
    return [name for name in names if name.startswith("kwsd-")]


def test_a_browser_finds_it_by_the_same_name_after_each_start(
    tmp_path: Path, tiny_model_dir: Path, outward: str
) -> None:
    """Scenario.

    1. Somebody browses; the service starts on one address: it is found, with port, address and version, and answers
    there. 2. It ends by SIGTERM: it is gone from the list at once. 3. It starts anew: the same name.
    """
    uri = ("--uri", f"tcp://{outward}:0", "--zeroconf", "--allow", f"{outward}/32")
    with browsing() as browser:
        for _ in range(2):
            with serving(tmp_path, tiny_model_dir, *uri) as service:
                assert eventually(lambda: ours(browser.there), 15), service.log
                (name,) = ours(browser.there)
                info = browser.network.get_service_info(SERVICE, name)
                assert info is not None
                assert (info.port, info.parsed_addresses(IPVersion.V4Only)) == (service.port, [outward])
                assert info.decoded_properties == {"version": __version__}
                with socket.create_connection((outward, service.port), timeout=10) as connection:
                    connection.sendall(b'{"type": "describe"}\n')
                    assert json.loads(connection.makefile("rb").readline())["type"] == "info"
                service.process.terminate()
                assert service.process.wait(5) == 0
                assert eventually(lambda: not ours(browser.there), 10)
        assert len(set(browser.told)) == 1


def test_only_who_asks_for_it_and_can_be_reached_is_announced(
    tmp_path: Path, tiny_model_dir: Path, outward: str
) -> None:
    """Three services: on loopback, without the flag, and with a name of one's own: of these the last alone is found."""
    with ExitStack() as stack:
        browser = stack.enter_context(browsing())
        services = []
        for number, flags in enumerate(
            (
                ("--zeroconf",),
                ("--uri", f"tcp://{outward}:0"),
                ("--uri", f"tcp://{outward}:0", "--zeroconf", "the hall"),
            )
        ):
            directory = tmp_path / str(number)
            directory.mkdir()
            services.append(stack.enter_context(serving(directory, tiny_model_dir, *flags)))
        assert eventually(lambda: 'announced as "the hall" at ' in services[2].log, 15)
        assert eventually(lambda: browser.told == [f"the hall.{SERVICE}"], 5), browser.told
        assert "not announced: 127.0.0.1 is reached from this machine alone" in services[0].log
        assert "announced" not in services[1].log
