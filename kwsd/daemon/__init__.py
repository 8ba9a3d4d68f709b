"""Threads, signals, state, order of start and stop; wires everything."""
