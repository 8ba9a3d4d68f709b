"""Model directories on disk: found, described, fetched, verified, repaired."""
