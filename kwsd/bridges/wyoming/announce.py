"""Being found in the local network: `_wyoming._tcp.local.` by zeroconf, for as long as the service runs."""

import asyncio
import logging
from contextlib import suppress
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
    told: list[str] = []
    network: AsyncZeroconf | None = None
    try:
        while True:
            found = addresses(host)
            if found != told:
                if network is not None:
                    await network.async_close()
                network = await register(name, port, found) if found else None
                told = found
                if network is None:
                    logger.warning("not announced: %s is reached from this machine alone", host)
            await asyncio.sleep(LOOKS_AGAIN_S)
    finally:
        if network is not None:
            with suppress(Error, OSError):
                await network.async_unregister_all_services()
                await network.async_close()


async def register(name: str, port: int, found: list[str]) -> AsyncZeroconf | None:
    """Announce these addresses; None where that fails. It takes a second of asking whether the name is free."""
    service = AsyncServiceInfo(
        SERVICE,
        f"{name}.{SERVICE}",
        port=port,
        properties={"version": __version__},
        server=f"{name}.local.",
        parsed_addresses=found,
    )
    try:
        network = AsyncZeroconf(ip_version=IPVersion.All if any(":" in ip for ip in found) else IPVersion.V4Only)
        await (await network.async_register_service(service))
    except (Error, OSError) as error:
        logger.warning("not announced: %s", str(error) or type(error).__name__)
        return None
    logger.info('announced as "%s" at %s', name, ", ".join(found))
    return network
