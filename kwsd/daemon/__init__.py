"""The service: capture thread → audio queue → decoding thread → bus → subscribers, and the order of start and stop."""

from kwsd.daemon.door import Door
from kwsd.daemon.service import Plan, run_daemon

__all__ = ["Door", "Plan", "run_daemon"]
