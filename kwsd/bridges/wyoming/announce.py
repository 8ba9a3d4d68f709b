"""Being found in the local network: `_wyoming._tcp.local.` by zeroconf, for as long as the service runs."""

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from ipaddress import IPv6Address, ip_address

import ifaddr
from zeroconf import Error, IPVersion
from zeroconf.asyncio import AsyncServiceInfo, AsyncZeroconf

from kwsd import __version__
from kwsd.bridges.identity import stable_id

logger = logging.getLogger(__name__)

SERVICE = "_wyoming._tcp.local."
OF_THIS_MACHINE = "auto"
LOOKS_AGAIN_S = 30.0
"""How soon another address of this machine is told."""


def addresses(host: str) -> list[str]:
    """Where the service can be reached from outside: at all interfaces, or at the one it is bound to."""
    every = (ip.ip for adapter in ifaddr.get_adapters() for ip in adapter.ips)
    found = [ip_address(ip if isinstance(ip, str) else ip[0]) for ip in every]
    outward = [ip for ip in found if not ip.is_loopback and not (isinstance(ip, IPv6Address) and ip.is_link_local)]
    return [str(ip) for ip in outward if host in {"0.0.0.0", "::", str(ip)}]  # noqa: S104 - only compared


async def announce_service(name: str, host: str, port: int) -> None:
    """Announce until cancelled, anew whenever the addresses have changed. What fails here is told and harms nothing."""
    name = f"kwsd-{stable_id()}" if name == OF_THIS_MACHINE else name
    while True:
        found = addresses(host)
        try:
            if found:
                async with announced(name, port, found):
                    await changed(host, found)
            else:
                logger.warning("not announced: %s is reached from this machine alone", host)
        except (Error, OSError) as error:
            logger.warning("not announced: %s", str(error) or type(error).__name__)
        await changed(host, found)


async def changed(host: str, told: list[str]) -> None:
    """Wait until there are other addresses than these."""
    while addresses(host) == told:  # noqa: ASYNC110 - the kernel's list of them sets no event
        await asyncio.sleep(LOOKS_AGAIN_S)


@asynccontextmanager
async def announced(name: str, port: int, found: list[str]) -> AsyncIterator[None]:
    """Announce these addresses, after a second of asking whether the name is free; withdraw them however it ends.

    Raises zeroconf's Error, OSError.
    """
    service = AsyncServiceInfo(
        SERVICE,
        f"{name}.{SERVICE}",
        port=port,
        properties={"version": __version__},
        server=f"{name}.local.",
        parsed_addresses=found,
    )
    network = AsyncZeroconf(ip_version=IPVersion.All if any(":" in ip for ip in found) else IPVersion.V4Only)
    try:
        await (await network.async_register_service(service))
        logger.info('announced as "%s" at %s', name, ", ".join(found))
        yield
    finally:  # also from within the registering, when others may have heard of it already
        with suppress(Error, OSError):
            await network.async_unregister_all_services()
            await network.async_close()
