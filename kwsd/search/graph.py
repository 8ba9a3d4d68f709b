"""Token sequences of all keywords as one Aho-Corasick automaton whose nodes know the sum of boosts up to them.

Follows icefall's ContextGraph (Aho and Corasick 1975, failure links over token ids) with two differences. Scores are
computed after the trie is whole, so that a shared prefix with two boosts keeps its books straight. And a hypothesis
owes exactly `node.boost_sum`, a function of where it stands, so that nothing has to be given back on leaving.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class TokenSequence:
    """One way in which the model may write a keyword."""

    tokens: tuple[int, ...]
    spelling: str = ""
    """The text that is written so."""
    keyword: int = 0
    """Index into the keyword set."""
    boost: float = 0.0
    """Log-probability added per token while it is being matched."""
    trailing_blanks: int = 0
    """Blank frames that must follow the last token."""


@dataclass(eq=False, slots=True)
class Node:
    """A prefix of one or more sequences. Immutable once the graph is built."""

    token: int
    level: int
    """Tokens from the root."""
    boost: float = 0.0
    """Added for taking the edge into this node: the largest of the sequences that share it."""
    boost_sum: float = 0.0
    """Sum of `boost` from the root to here."""
    children: dict[int, Node] = field(default_factory=dict)
    fail: Node | None = None
    """Node of the longest proper suffix that is a prefix too; None for the root only."""
    sequences: tuple[TokenSequence, ...] = ()
    """Those that end here, own ones first, then those that are suffixes, longest first."""


class ContextGraph:
    """Immutable after construction; shared freely between streams and swapped between chunks."""

    def __init__(self, sequences: Iterable[TokenSequence]) -> None:
        """Build the automaton. A sequence without tokens is ignored; equal sequences are all kept."""
        self.root = Node(token=-1, level=0)
        for sequence in sequences:
            self._insert(sequence)
        self._link()

    def _insert(self, sequence: TokenSequence) -> None:
        if not sequence.tokens:
            return
        node = self.root
        for token in sequence.tokens:
            if token not in node.children:
                node.children[token] = Node(token=token, level=node.level + 1, boost=sequence.boost)
            node = node.children[token]
            node.boost = max(node.boost, sequence.boost)
        node.sequences += (sequence,)

    def _link(self) -> None:
        """Breadth first, so that a node's parent and its failure node are finished before it."""
        queue = deque([self.root])
        while queue:
            parent = queue.popleft()
            for token, node in parent.children.items():
                node.boost_sum = parent.boost_sum + node.boost
                node.fail = self.root if parent.fail is None else self.step(parent.fail, token)
                node.sequences += node.fail.sequences
                queue.append(node)

    def step(self, node: Node, token: int) -> Node:
        """Where `token` leads from `node`: its child, else that of the nearest failure node, else the root."""
        here: Node | None = node
        while here is not None:
            child = here.children.get(token)
            if child is not None:
                return child
            here = here.fail
        return self.root

    def nodes(self) -> Iterator[Node]:
        """All nodes, breadth first, the root first."""
        queue = deque([self.root])
        while queue:
            node = queue.popleft()
            queue.extend(node.children.values())
            yield node
