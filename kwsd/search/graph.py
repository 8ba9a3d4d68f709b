"""Token sequences of all keywords as one Aho-Corasick automaton whose nodes know how much bonus they have lent.

Follows icefall's ContextGraph (Aho and Corasick 1975, failure links over token ids) with two differences. Scores are
computed after the trie is whole, so that a shared prefix with two boosts keeps its books straight. And a hypothesis
owes exactly `node.lent`, a function of where it stands, so that nothing has to be given back on leaving.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Entry:
    """One token sequence of one keyword."""

    keyword: int
    """Index into the stream's list of keywords."""
    tokens: tuple[int, ...]
    boost: float
    """Log-probability lent per token."""
    trailing_blanks: int = 0
    """Blank frames that must follow the last token."""


@dataclass(eq=False, slots=True)
class Node:
    """A prefix of one or more entries. Immutable once the graph is built."""

    token: int
    level: int
    """Tokens from the root."""
    boost: float = 0.0
    """Lent for taking the edge into this node: the largest of the entries that share it."""
    lent: float = 0.0
    """Sum of `boost` from the root to here."""
    children: dict[int, Node] = field(default_factory=dict)
    fail: Node | None = None
    """Node of the longest proper suffix that is a prefix too; None for the root only."""
    entries: tuple[Entry, ...] = ()
    """Entries that end here, own ones first, then those that are suffixes, longest first."""


class ContextGraph:
    """Immutable after construction; shared freely between streams and swapped between chunks."""

    def __init__(self, entries: Iterable[Entry]) -> None:
        """Build the automaton. An entry without tokens is ignored; equal sequences are all kept."""
        self.root = Node(token=-1, level=0)
        for entry in entries:
            self._insert(entry)
        self._link()

    def _insert(self, entry: Entry) -> None:
        if not entry.tokens:
            return
        node = self.root
        for token in entry.tokens:
            if token not in node.children:
                node.children[token] = Node(token=token, level=node.level + 1, boost=entry.boost)
            node = node.children[token]
            node.boost = max(node.boost, entry.boost)
        node.entries += (entry,)

    def _link(self) -> None:
        """Breadth first, so that a node's parent and its failure node are finished before it."""
        queue = deque([self.root])
        while queue:
            parent = queue.popleft()
            for token, node in parent.children.items():
                node.lent = parent.lent + node.boost
                node.fail = self.root if parent.fail is None else self.step(parent.fail, token)
                node.entries += node.fail.entries
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
