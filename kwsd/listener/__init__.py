"""One stream, whichever engines hear it: the open vocabulary, the fixed set, or both."""

from kwsd.listener.listener import Listener

__all__ = ["Listener"]
