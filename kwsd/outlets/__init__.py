"""Where events go, a file for each kind."""
