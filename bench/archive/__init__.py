"""What an archive costs: index, search, store, memory, and what two workers make of it."""
