"""The context graph against brute force, and against the reference vectors of icefall's and sherpa-onnx's own tests."""

import itertools
import random
from concurrent.futures import ThreadPoolExecutor

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kwsd.search.graph import ContextGraph, Node, TokenSequence

PHRASES = ["S", "HE", "SHE", "SHELL", "HIS", "HERS", "HELLO", "THIS", "THEM"]

REFERENCE = {
    "HEHERSHE": (14, 35.84),
    "HERSHE": (12, 30.84),
    "HISHE": (9, 24.18),
    "SHED": (6, 18.34),
    "SHELF": (6, 18.34),
    "HELL": (2, 5),
    "HELLO": (7, 13),
    "DHRHISQ": (4, 10.84),
    "THEN": (2, 5),
}
"""Total bonus with boost 1 per token, and with boost round(5 / length, 2), once everything lent is given back."""


def spell(text: str) -> tuple[int, ...]:
    return tuple(map(ord, text))


def walk(graph: ContextGraph, tokens: tuple[int, ...]) -> list[Node]:
    return list(itertools.accumulate(tokens, graph.step, initial=graph.root))


def completed_bonus(graph: ContextGraph, tokens: tuple[int, ...]) -> float:
    """What icefall's graph pays for completed phrases: the bonus of their own path, once each."""
    paid = (walk(graph, entry.tokens)[-1].boost_sum for node in walk(graph, tokens) for entry in node.sequences)
    return sum(paid)


@pytest.mark.parametrize("text", REFERENCE)
def test_reference_vectors(text: str) -> None:
    equal = ContextGraph(TokenSequence(spell(phrase), "", i, 1.0) for i, phrase in enumerate(PHRASES))
    by_length = ContextGraph(
        TokenSequence(spell(phrase), "", i, round(5 / len(phrase), 2)) for i, phrase in enumerate(PHRASES)
    )
    assert (completed_bonus(equal, spell(text)), completed_bonus(by_length, spell(text))) == pytest.approx(
        REFERENCE[text]
    )


small_tokens = st.lists(st.integers(1, 3), min_size=1, max_size=4).map(tuple)
entries = st.lists(st.tuples(small_tokens, st.floats(0, 3)), max_size=8)


@given(entries, st.lists(st.integers(1, 4), max_size=12).map(tuple))
def test_matches_are_those_of_brute_force(
    given_entries: list[tuple[tuple[int, ...], float]], text: tuple[int, ...]
) -> None:
    listed = [TokenSequence(tokens, "", i, boost) for i, (tokens, boost) in enumerate(given_entries)]
    graph = ContextGraph(listed)
    for end, node in enumerate(walk(graph, text)):
        expected = {entry.keyword for entry in listed if text[:end][-len(entry.tokens) :] == entry.tokens}
        assert {entry.keyword for entry in node.sequences} == expected
        assert [len(entry.tokens) for entry in node.sequences] == sorted(
            (len(e.tokens) for e in node.sequences), reverse=True
        )


@given(entries)
def test_books_are_straight_whatever_the_order_of_phrases(given_entries: list[tuple[tuple[int, ...], float]]) -> None:
    """B6: a later phrase with a larger boost on a shared prefix left stale sums below it in the peers."""
    forwards = ContextGraph(TokenSequence(tokens, "", 0, boost) for tokens, boost in given_entries)
    backwards = ContextGraph(TokenSequence(tokens, "", 0, boost) for tokens, boost in reversed(given_entries))
    for tokens, _ in given_entries:
        path = walk(forwards, tokens)
        assert [node.boost_sum for node in path] == [node.boost_sum for node in walk(backwards, tokens)]
        steps = [after.boost_sum - before.boost_sum for before, after in itertools.pairwise(path)]
        assert steps == pytest.approx([node.boost for node in path[1:]])


@given(entries, small_tokens)
def test_leaving_gives_everything_back(
    given_entries: list[tuple[tuple[int, ...], float]], text: tuple[int, ...]
) -> None:
    graph = ContextGraph(TokenSequence(tokens, "", 0, boost) for tokens, boost in given_entries)
    assert walk(graph, (*text, 99))[-1] is graph.root
    assert graph.root.boost_sum == 0


def test_equal_phrases_are_all_kept() -> None:
    graph = ContextGraph([TokenSequence((1, 2), "", 0, 1.0), TokenSequence((1, 2), "", 1, 1.0)])
    assert [entry.keyword for entry in walk(graph, (1, 2))[-1].sequences] == [0, 1]


def test_an_entry_without_tokens_never_matches() -> None:
    assert ContextGraph([TokenSequence((), "", 0, 1.0)]).root.sequences == ()


def test_threads_that_share_a_graph_meet_the_same_nodes() -> None:
    """Hypotheses at one node are merged because it is one object, whoever came by first."""
    phrases = [tuple(random.Random(seed).choices(range(20), k=8)) for seed in range(500)]
    graph = ContextGraph(TokenSequence(tokens, "", i, 1.0) for i, tokens in enumerate(phrases))
    with ThreadPoolExecutor(4) as pool:
        walks = list(pool.map(lambda _: [walk(graph, tokens) for tokens in phrases], range(4)))
    for others in walks[1:]:
        assert all(one is other for a, b in zip(walks[0], others, strict=True) for one, other in zip(a, b, strict=True))
