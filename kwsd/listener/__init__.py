"""One stream, whichever engines hear it: the open vocabulary, the fixed set, or both."""
