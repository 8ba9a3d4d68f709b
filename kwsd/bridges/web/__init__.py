"""A local page: what is heard, what is listened for, and how the daemon is."""
