"""Orders: sentences of our own over recordings, slots and orders right, and what other speech is taken for one."""
