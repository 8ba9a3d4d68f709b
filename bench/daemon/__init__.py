"""The daemon as a process of its own: cost, memory, hours of faults."""
