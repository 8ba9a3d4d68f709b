"""kwsd: a streaming, open-vocabulary wake-word daemon.

The public API is what this module exports::

    import kwsd

    model = kwsd.Model.load("path/to/model")
    keywords = kwsd.load_keywords("commands_small.txt", model)
    spotter = kwsd.Spotter(model, keywords)
    for block in microphone:  # float32 (n,), 16 kHz mono, any n
        for detection in spotter.accept(block):
            print(detection.keyword, detection.start, detection.end)
"""

__version__ = "0.1.0"
