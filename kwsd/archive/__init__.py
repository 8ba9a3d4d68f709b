"""Recordings by the thousand hours: encoded once by many workers, searched as often as the phrases change."""
