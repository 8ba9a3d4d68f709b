"""For programs: the events of a running daemon, and commands to it. `Client` waits, `AsyncClient` is for asyncio."""

from kwsd.errors import KwsdError
from kwsd.protocol.client import GONE, AsyncClient, Client
from kwsd.protocol.connection import NoDaemonError, Record
from kwsd.protocol.listening import pcm_of

__all__ = ["GONE", "AsyncClient", "Client", "KwsdError", "NoDaemonError", "Record", "pcm_of"]
