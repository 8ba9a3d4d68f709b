"""The daemon and its bridges as processes of their own: cost, memory, hours of faults."""
