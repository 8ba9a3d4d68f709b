"""The fixed ten words in a stream."""
