"""The socket server: takes connections in, and sees everybody out with their last events."""

import asyncio
import logging
import socket
import sys
from collections.abc import Callable
from typing import Any

from kwsd.outlets.bus import Bus
from kwsd.outlets.connection import CarryOut, Connection
from kwsd.protocol.commands import MAX_LINE_BYTES
from kwsd.protocol.messages import Hello, Reply

logger = logging.getLogger(__name__)

MOST_CONNECTIONS = 512  # leaves half of the usual 1024 file descriptors to everything else

_ACCEPTED_AT_ONCE = 8  # per turn of the event loop: a rush of connections must not delay events
_KEEP_FILE: dict[str, Any] = {"cleanup_socket": False} if sys.version_info >= (3, 13) else {}
"""The file is for whoever made it to remove: us, or systemd. Before 3.13 asyncio left it alone anyway."""
_BACKLOG = 256  # connections that may wait for accept


class Server:
    """Serves the JSON-lines protocol on a listening socket, on the event loop it was started on."""

    def __init__(self, bus: Bus, hello: Callable[[], Hello], carry_out: CarryOut, command_group: int | None) -> None:
        self._bus = bus
        self._hello = hello
        self._carry_out = carry_out
        self._command_group = command_group
        self.connections: dict[Connection, asyncio.Task[None] | None] = {}

    async def start(self, listener: socket.socket) -> None:
        """Begin to accept."""
        self._server = await asyncio.start_unix_server(
            self._serve, sock=listener, limit=MAX_LINE_BYTES, backlog=_ACCEPTED_AT_ONCE, **_KEEP_FILE
        )
        listener.listen(_BACKLOG)  # asyncio takes its `backlog` for both

    async def stop(self, flush_s: float) -> None:
        """Accept no more, give everybody up to `flush_s` seconds to take what is on its way, then close."""
        self._server.close()
        if self.connections:
            flushing = [asyncio.create_task(connection.outbox.idle()) for connection in self.connections]
            _, late = await asyncio.wait(flushing, timeout=flush_s)
            for task in late:
                task.cancel()
        tasks = [task for task in self.connections.values() if task]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection, from accept to close. Whatever happens to it stays with it."""
        if len(self.connections) >= MOST_CONNECTIONS:
            writer.write(_full().line())
            writer.close()
            return
        connection = Connection(reader, writer, self._bus, self._carry_out, self._command_group)
        self.connections[connection] = asyncio.current_task()
        try:
            await connection.serve(self._hello().line())
        except (OSError, TimeoutError) as error:
            logger.debug("subscriber gone: %s", error)
            writer.transport.abort()  # close() would wait for what nobody reads
        except asyncio.CancelledError:
            logger.debug("subscriber dismissed")
        finally:
            del self.connections[connection]
            writer.close()


def _full() -> Reply:
    error = f"there are {MOST_CONNECTIONS} connections already; close some"
    return Reply(command=None, request_id=None, ok=False, error=error)
