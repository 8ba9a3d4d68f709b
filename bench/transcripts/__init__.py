"""Who transcribes how well, and at what cost."""
