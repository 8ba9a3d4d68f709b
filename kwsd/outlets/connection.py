"""One client of the socket: its commands in, replies and events out, each at its own pace and within bounds."""

import asyncio
import fcntl
import logging
import select
import socket
import sys
import termios
from collections.abc import Awaitable, Callable
from contextlib import suppress
from importlib import import_module
from typing import TYPE_CHECKING, Any

from kwsd.errors import KwsdError
from kwsd.events import DEFAULT_TYPES, PRIVATE_TYPES, NearMiss
from kwsd.outlets.kept_events import KeptEvents
from kwsd.outlets.peer import Peer, may_change
from kwsd.outlets.subscription import Outbox, Subscription
from kwsd.protocol.messages import MAX_LINE_BYTES, CommandError, Hello, Reply

if TYPE_CHECKING:
    from kwsd.protocol.commands import Command

logger = logging.getLogger(__name__)

STUCK_S = 5.0  # of which nobody reads a byte: nobody is there
NOT_PERMITTED = "not permitted: only root, the daemon's own user and members of command_group may"
PATIENCE = 10  # lines in a row that are no commands, before the connection is closed
_HALF_CLOSED_POLL_S = 1.0

CarryOut = Callable[["Command"], Awaitable[dict[str, Any]]]
"""Does what a command asks and gives the data of the reply. Raises CommandError."""


class Connection:
    """Serves one client until it goes, is stuck, or sends rubbish. `outbox` takes what it is to be sent from the start.

    Commands are taken one at a time, the next one when the last reply has gone: who does not read is not read.
    """

    _reader: asyncio.StreamReader
    _writer: asyncio.StreamWriter

    def __init__(
        self, client: socket.socket, hello: Hello, carry_out: CarryOut, group: int | None, kept: KeptEvents
    ) -> None:
        """`group` may change things; `kept` are events for who comes back."""
        self.outbox = Outbox()
        self.outbox.reply(hello.line())
        self._socket = client
        self._carry_out = carry_out
        self._kept = kept
        self._may_change = may_change(Peer.of(client), group)

    async def serve(self) -> None:
        """Everything from the first line to the last."""
        loop = asyncio.get_running_loop()
        self._reader = asyncio.StreamReader(MAX_LINE_BYTES, loop)
        protocol = asyncio.StreamReaderProtocol(self._reader, loop=loop)
        try:
            transport, _ = await loop.connect_accepted_socket(lambda: protocol, self._socket)
        except BaseException:
            self._socket.close()
            raise
        transport.set_write_buffer_limits(high=0)  # drain() then means: the kernel has it all
        self._writer = asyncio.StreamWriter(transport, protocol, self._reader, loop)
        sending = asyncio.create_task(self._send())
        receiving = asyncio.create_task(self._receive())
        try:
            done, _ = await asyncio.wait({sending, receiving}, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                task.result()
            transport.close()
        finally:
            sending.cancel()
            receiving.cancel()
            if not transport.is_closing():
                transport.abort()  # close() would wait for what nobody reads
            await asyncio.gather(sending, receiving, return_exceptions=True)

    async def _send(self) -> None:
        while True:
            self._writer.write(await self.outbox.next())
            transport = self._writer.transport
            while transport.get_write_buffer_size():  # until the kernel has taken everything
                waiting = self._unread()
                with suppress(TimeoutError):
                    await asyncio.wait_for(self._writer.drain(), STUCK_S)
                if transport.get_write_buffer_size() and self._unread() == waiting:
                    raise TimeoutError(f"took nothing for {STUCK_S:.0f} s")

    def _unread(self) -> int:
        """Bytes on their way. The kernel takes none from us before the most of what it holds is read, so both count."""
        held = int.from_bytes(fcntl.ioctl(self._socket, termios.TIOCOUTQ, bytes(4)), sys.byteorder)
        return held + self._writer.transport.get_write_buffer_size()

    async def _receive(self) -> None:
        rubbish = 0
        while rubbish < PATIENCE:
            try:
                line = await self._reader.readline()
            except ValueError:
                error = f"a line may have {MAX_LINE_BYTES} bytes at most"
                self.outbox.reply(Reply(command=None, request_id=None, ok=False, error=error).line())
                await self.outbox.answered()
                break
            if not line:
                break
            if "kwsd.protocol.commands" not in sys.modules:  # pydantic: 0.1 s in which events are to be delivered
                await asyncio.to_thread(import_module, "kwsd.protocol.commands")
            from kwsd.protocol import commands  # noqa: PLC0415 - for the first command

            try:
                command = commands.parse_command(line)
            except CommandError as error:
                rubbish += 1
                reply = Reply(command=error.command, request_id=error.request_id, ok=False, error=str(error))
            else:
                rubbish = 0
                reply = await self._answer(command)
            self.outbox.reply(reply.line())
            await self.outbox.answered()
        hung_up = select.poll()
        hung_up.register(self._socket, 0)
        while self._reader.at_eof() and not hung_up.poll(0):  # noqa: ASYNC110  who would set an event?
            await asyncio.sleep(_HALF_CLOSED_POLL_S)  # who has sent its last may still listen

    async def _answer(self, command: "Command") -> Reply:
        try:
            return _reply(command, data=await self._do(command))
        except (CommandError, KwsdError) as error:
            return _reply(command, error=str(error))
        except OSError as error:
            return _reply(command, error=f"{command.command}: {error.strerror or error}; try again later")
        except Exception as error:
            logger.exception("the command %s failed", command.command)
            return _reply(
                command, error=f"{command.command} failed, the log says where: {type(error).__name__}: {error}"
            )

    async def _do(self, command: "Command") -> dict[str, Any]:
        from kwsd.protocol import commands  # noqa: PLC0415 - as above

        if isinstance(command, commands.CHANGING) and not self._may_change:
            raise CommandError(NOT_PERMITTED)
        old = self.outbox.subscription
        match command:
            case commands.Subscribe():
                types = DEFAULT_TYPES if command.types is None else frozenset(command.types)
                if types & PRIVATE_TYPES and not self._may_change:
                    raise CommandError(NOT_PERMITTED)
                keywords = None if command.keywords is None else frozenset(command.keywords)
            case commands.Trace():
                near_misses = {NearMiss.type}
                types = old.types | near_misses if command.on else old.types - near_misses
                keywords = old.keywords
            case _:
                return await self._carry_out(command)
        self.outbox.subscription = Subscription(types, keywords)
        told: dict[str, Any] = {"types": sorted(types)}
        if isinstance(command, commands.Subscribe) and command.since is not None:
            missed, told["complete"] = self._kept.since(command.since, command.run)
            wanted = (kept for kept in missed if self.outbox.subscription.wants(kept.event))
            self.outbox.resume((kept.event.seq, kept.line) for kept in wanted)
        return told


def _reply(command: "Command", *, data: dict[str, Any] | None = None, error: str | None = None) -> Reply:
    return Reply(command=command.command, request_id=command.request_id, ok=error is None, error=error, data=data or {})
