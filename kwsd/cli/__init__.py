"""What a person types: `kwsd` and `kwsctl`. Arguments in, exit codes out, no logic of its own."""
