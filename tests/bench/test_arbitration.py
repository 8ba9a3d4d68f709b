"""Who heard a command when two models listen: counted from events as they are told."""

from dataclasses import replace

import numpy as np

from bench.commands12.arbitration import HEARD_BY, shares
from kwsd.commands12.model import find_model
from kwsd.spotters.fixed import FixedSpotter
from kwsd.stream import Chunk
from measure.command_streams import Piece, Stream
from testkit.spoken import with_gaps


def test_each_command_is_counted_once_by_whom_it_was_heard() -> None:
    """Scenario.

    1. "yes" and "off" are said, and heard by the fixed set. 2. The first is told as if both models had heard it, the
    other twice as if by the open vocabulary; a third command is said that nobody hears.

    Result: one command by both, one by the open vocabulary alone and told twice, one by neither; nothing is wrong.
    """
    sound = np.asarray(with_gaps("yes", "off"), np.float32)
    spotter = FixedSpotter(find_model("ds-cnn"))
    yes, off = [*spotter.push(Chunk(0, sound, "")), *spotter.finish()]
    pieces = [Piece(event.start, event.end, frozenset({event.phrase})) for event in (yes, off)]
    pieces.append(Piece(100.0, 101.0, frozenset({"go"})))
    own = replace(off, engine="zipformer")
    found = shares("ds-cnn", Stream((), tuple(pieces)), [replace(yes, second_engine="zipformer"), own, own])
    assert [found.heard_by[each] for each in HEARD_BY] == [1, 1, 0, 1]
    assert (found.said, found.told_twice, found.wrong) == (3, 1, 0)
