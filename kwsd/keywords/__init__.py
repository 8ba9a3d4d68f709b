"""Files and commands become keywords, and keywords a searchable set."""
