"""Facts of the models' units that every room shares. They are fixed by the training recipes, not a choice."""

import math

DB_PER_NAT = 10 / math.log(10)
"""Of powers, whose logarithms the features are."""

BLANK_ID = 0
"""The token that says nothing."""

WORD_START = "▁"
"""What a piece (or a phone, where a model marks them) that begins a word has before it: U+2581. A text that starts with
it is ready-made pieces."""

Context = tuple[int, int]
"""The last two tokens of a hypothesis: all that the decoder sees."""

START: Context = (-1, BLANK_ID)
"""Nothing said yet, as the models were trained: -1 is embedded as a zero vector."""
