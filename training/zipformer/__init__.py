"""Recipe of the streaming Zipformer transducer: prepare, train, average, export, evaluate.

One command each: `python -m training.zipformer COMMAND --help`. README.md says what the recipe does, what it costs
and how to rerun it.
"""
