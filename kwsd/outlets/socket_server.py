"""The socket server, an outlet: takes connections in, and sees everybody out with their last events."""

import asyncio
import errno
import logging
import os
import resource
import socket
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace

from kwsd.events import DEFAULT_TYPES
from kwsd.outlets.connection import CarryOut, Connection
from kwsd.outlets.kept_events import KeptEvents
from kwsd.protocol.messages import Dropped, Hello, Reply
from kwsd.records import Record

logger = logging.getLogger(__name__)

MOST_CONNECTIONS = 512  # and never more than half of the files that may be open: the other half is everything else's

_ACCEPTED_AT_ONCE = 8  # per turn of the event loop: a rush of connections must not delay events
_BACKLOG = 512  # connections that may wait for accept
_NO_FILE_LEFT = {errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM}
_PAUSE_S = 1.0  # where not even a refusal can be sent
_SETTLES_S = 0.01  # from an event to its way out; printing it takes half as long on a busy machine


class SocketServer:
    """Serves the JSON-lines protocol on a listening socket, on the event loop it was started on.

    Whoever connected before an event could be known of is told of it: it rests until it has been printed as well, and
    those who wait are taken in before it is sent.
    """

    def __init__(self, hello: Callable[[], Hello], carry_out: CarryOut, command_group: int | None) -> None:
        self._hello = hello
        self._carry_out = carry_out
        self._command_group = command_group
        self._listener: socket.socket | None = None
        self._spare: int | None = None  # a file given up to refuse a connection when no other is left
        self._refusing = False
        self._dropped_by_gone = 0
        self._most = min(MOST_CONNECTIONS, resource.getrlimit(resource.RLIMIT_NOFILE)[0] // 2)
        self._kept = KeptEvents()
        self._resting: deque[Record] = deque()
        self.connections: dict[Connection, asyncio.Task[None]] = {}

    @property
    def wants(self) -> frozenset[str]:
        """What some subscriber wants, and what whoever waits to be taken in would."""
        subscriptions = (connection.outbox.subscription.types for connection in tuple(self.connections))
        return (DEFAULT_TYPES | {Dropped.type}).union(*subscriptions)

    @property
    def dropped(self) -> int:
        """Events not sent to slow subscribers, in all."""
        return self._dropped_by_gone + sum(connection.outbox.dropped for connection in self.connections)

    def listen(self, listener: socket.socket) -> None:
        """Accept on this one from now on, instead of any before."""
        self._stop_listening()
        if self._spare is None:
            self._spare = os.open(os.devnull, os.O_RDONLY)
        listener.setblocking(False)
        listener.listen(_BACKLOG)
        self._listener = listener
        asyncio.get_running_loop().add_reader(listener, self._accept)

    def take(self, event: Record) -> None:
        """Soon into the outbox of everybody who wants it."""
        self._resting.append(event)
        asyncio.get_running_loop().call_later(_SETTLES_S, self._pass_on)

    def _pass_on(self) -> None:
        """The event that has rested longest."""
        self._accept(_BACKLOG)
        if not self._resting:  # at the end they did not wait for it
            return
        event = self._resting.popleft()
        line = event.line()
        self._kept.keep(event, line)
        for connection in self.connections:
            outbox = connection.outbox
            if isinstance(event, Dropped):
                outbox.lose(event.n, event.seq)
            elif outbox.subscription.wants(event):
                outbox.put(event.seq, line)

    async def close(self, deadline_s: float) -> None:
        """Accept no more, let everybody take what is on its way, then close."""
        await asyncio.sleep(_SETTLES_S)
        while self._resting:
            self._pass_on()
        self._accept(_BACKLOG)
        self._stop_listening()
        if self.connections:
            flushing = [asyncio.create_task(connection.outbox.idle()) for connection in self.connections]
            _, late = await asyncio.wait(flushing, timeout=deadline_s)
            for task in late:
                task.cancel()
        tasks = list(self.connections.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _stop_listening(self) -> None:
        if self._listener is not None:
            asyncio.get_running_loop().remove_reader(self._listener)
            self._listener = None

    def _accept(self, most: int = _ACCEPTED_AT_ONCE) -> None:
        """Take in, or refuse, those who wait."""
        for _ in range(most):
            if self._listener is None:
                return
            try:
                client, _ = self._listener.accept()
            except (BlockingIOError, InterruptedError, ConnectionAbortedError):
                return
            except OSError as error:
                self._refuse_without_a_file(error)
                continue
            client.setblocking(False)
            if len(self.connections) >= self._most:
                self._refuse(client, f"there are {len(self.connections)} connections already; close some")
                continue
            self._refusing = False
            try:
                hello = replace(self._hello(), run=self._kept.run, seq=self._kept.newest)
                connection = Connection(client, hello, self._carry_out, self._command_group, self._kept)
            except OSError as error:  # who is gone already cannot be asked who he was
                logger.debug("a connection failed: %s", error)
                client.close()
                continue
            self.connections[connection] = asyncio.create_task(self._serve(connection))

    async def _serve(self, connection: Connection) -> None:
        """One connection, from accept to close. Whatever happens to it stays with it."""
        try:
            await connection.serve()
        except (OSError, TimeoutError) as error:
            logger.debug("subscriber gone: %s", error)
        except asyncio.CancelledError:
            logger.debug("subscriber dismissed")
        except Exception:
            logger.exception("a connection failed")
        finally:
            del self.connections[connection]
            self._dropped_by_gone += connection.outbox.dropped

    def _refuse(self, client: socket.socket, why: str) -> None:
        if not self._refusing:
            logger.warning("socket: connections are refused: %s", why)
        self._refusing = True
        with client, suppress(OSError):
            client.send(Reply(command=None, request_id=None, ok=False, error=why).line())

    def _refuse_without_a_file(self, error: OSError) -> None:
        """Give up the spare file for as long as it takes to say no; without one, look away for a while."""
        spare, self._spare = self._spare, None
        if spare is not None and self._listener is not None and error.errno in _NO_FILE_LEFT:
            os.close(spare)
            with suppress(OSError):
                self._refuse(self._listener.accept()[0], f"no more files may be open ({error.strerror})")
            with suppress(OSError):
                self._spare = os.open(os.devnull, os.O_RDONLY)
        elif self._listener is not None:
            listener = self._listener
            self._stop_listening()
            asyncio.get_running_loop().call_later(_PAUSE_S, self.listen, listener)
