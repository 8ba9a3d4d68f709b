"""What leaves the daemon: the event bus, the socket and its protocol, clips, hooks, and the tie to systemd."""
