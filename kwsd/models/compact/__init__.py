"""A streaming Zipformer2 encoder written anew as a graph that costs little more than its arithmetic."""
