"""How much less likely a phrase is than the likeliest text, whatever that is, in the sound where it was found.

The margin of the search is one over hypotheses that begin anew behind each token, so that COMPUTER has no rival in
COMPLETE. Here the rival hears each of its tokens behind the two before it, as a recogniser does: the likelihood ratio
against a free loop of phones (Rose and Paul, ICASSP 1990), for a transducer.
"""

from __future__ import annotations

import numpy as np

from kwsd.search.context_rows import ContextRows
from kwsd.search.history import FrameHistory
from kwsd.search.posteriors import Acoustics
from kwsd.search.rivals import Aligned, log_likelihoods
from kwsd.search.text_beam import TextBeam
from kwsd.units import START

BESIDE_FRAMES = 2  # before the first token and behind the last one
BEAM = 4


def text_margin(phrase: Aligned, history: FrameHistory, acoustics: Acoustics) -> float:
    """Nats, 0 or below, in what is known of the frames around it."""
    _, aligned = phrase
    start, after = aligned[0] - BESIDE_FRAMES, aligned[-1] + BESIDE_FRAMES + 1
    window = range(max(start, history.start), min(after, history.end))
    (said,) = log_likelihoods([phrase], window, history, acoustics)
    frames = history.take(np.arange(window.start, window.stop))
    beam, rows = TextBeam(acoustics, BEAM), ContextRows(acoustics, frames, [START])
    free = sum(beam.step(rows, offset, frame) for offset, frame in enumerate(window))
    return min(0.0, said - free)
