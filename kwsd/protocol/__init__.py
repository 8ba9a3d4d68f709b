"""Messages and commands as JSON lines, their schema, a client."""
