"""Sentences that may be said, as people write them down: templates become one graph, and frames become intents."""
