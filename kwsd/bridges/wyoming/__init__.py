"""A Wyoming wake service: every client a stream of its own on one shared model."""
