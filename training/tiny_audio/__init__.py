"""Recipe of Tiny Audio: a frozen encoder, a projector that learns, a frozen small language model.

One command each: `python -m training.tiny_audio COMMAND --help`. README.md says what the recipe does and how well.
"""
