"""The fixed ten words by small networks."""
