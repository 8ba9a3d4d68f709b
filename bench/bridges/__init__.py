"""The bridges as processes of their own: latency, cost, what is lost while something fails."""
