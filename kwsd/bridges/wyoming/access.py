"""Who may connect: Wyoming knows no passwords, so the network decides."""

import asyncio
import logging
import socket
from collections.abc import Sequence
from ipaddress import IPv6Address, ip_address, ip_network

logger = logging.getLogger(__name__)

QUIET_FOR_S, ASKED_EVERY_S, ASKED_TIMES = 60, 15, 4  # a peer that vanished is noticed within two minutes


class Access:
    """The networks that are let in."""

    def __init__(self, networks: Sequence[str]) -> None:
        self._networks = tuple(map(ip_network, networks))

    def allows(self, address: str) -> bool:
        """Whether a peer may connect; one of IPv4 stays that where it comes through a socket of IPv6."""
        peer = ip_address(address.partition("%")[0])
        if isinstance(peer, IPv6Address) and peer.ipv4_mapped is not None:
            peer = peer.ipv4_mapped
        return any(peer in network for network in self._networks)

    def admits(self, writer: asyncio.StreamWriter) -> bool:
        """`allows`, of one that has connected: who may not is hung up on."""
        peer = writer.get_extra_info("peername")
        if peer is not None and self.allows(peer[0]):
            return True
        logger.warning("%s may not connect; --allow lists the networks that may", peer and peer[0])
        writer.transport.abort()
        return False


def watch_peer(connection: socket.socket) -> None:
    """Have the kernel ask a silent peer whether it is still there."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, QUIET_FOR_S)
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPINTVL, ASKED_EVERY_S)
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPCNT, ASKED_TIMES)
