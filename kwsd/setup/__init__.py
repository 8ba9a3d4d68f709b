"""kwsd on a machine: put in place as a service, taken away again, and carried over from an earlier version."""
