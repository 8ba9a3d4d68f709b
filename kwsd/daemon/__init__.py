"""The service: capture thread → audio queue → decoding thread → bus → subscribers, and the order of start and stop."""

from kwsd.daemon.door import Door
from kwsd.daemon.heap import steady_heap
from kwsd.daemon.near_misses import NearMissTeller
from kwsd.daemon.reporter import Reporter
from kwsd.daemon.service import Plan, run_daemon

__all__ = ["Door", "NearMissTeller", "Plan", "Reporter", "run_daemon", "steady_heap"]
