"""One stream, whatever hears it: phrases, fixed words, both."""
