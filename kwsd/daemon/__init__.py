"""The service: capture thread → audio queue → decoding thread → bus → subscribers, and the order of start and stop."""

from kwsd.daemon.daemon import Plan, run_daemon
from kwsd.daemon.listen_socket import Door
from kwsd.daemon.memory import steady_heap
from kwsd.daemon.near_misses import NearMissTeller
from kwsd.daemon.reporter import Reporter

__all__ = ["Door", "NearMissTeller", "Plan", "Reporter", "run_daemon", "steady_heap"]
