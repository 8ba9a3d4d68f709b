"""When losses are a hiccup and when the machine is too slow: a rule in audio time."""

from hypothesis import given
from hypothesis import strategies as st

from kwsd.daemon.overload import PERSISTS_S, RECOVERS_S, Overload


def play(*turns: tuple[float, float]) -> list[tuple[float, bool]]:
    """Turns of (seconds lost, seconds decoded after it) → when `degraded` changed, and to what."""
    overload, position_s, changes = Overload(), 0.0, []
    for lost_s, kept_s in turns:
        if lost_s and overload.lost(position_s, lost_s):
            changes.append((position_s, True))
        position_s += lost_s + kept_s
        if not lost_s and overload.kept_up(position_s):
            changes.append((position_s, False))
    return changes


def test_a_single_loss_is_a_hiccup_however_long() -> None:
    assert play((0.5, 1.0)) == []
    assert play((60.0, 1.0), *[(0.0, 1.0)] * 20) == []


def test_losses_that_go_on_are_told_once_and_their_end_too() -> None:
    changes = play(*[(0.02, 0.06)] * 200, *[(0.0, 1.0)] * 20)
    assert [active for _, active in changes] == [True, False]
    assert PERSISTS_S <= changes[0][0] < PERSISTS_S + 0.1
    assert RECOVERS_S - 0.1 < changes[1][0] - 200 * 0.08 < RECOVERS_S + 1.1


def test_losses_larger_than_what_is_kept_count_as_well() -> None:
    assert [active for _, active in play(*[(100.0, 0.02)] * 5)] == [True]


def test_losses_far_apart_are_hiccups() -> None:
    assert play(*[turn for _ in range(50) for turn in ((0.1, 1.0), (0.0, 8.0))]) == []


@given(st.lists(st.tuples(st.sampled_from([0.0, 0.02, 1.0]), st.floats(0.01, 3.0)), max_size=60))
def test_changes_alternate(turns: list[tuple[float, float]]) -> None:
    assert [active for _, active in play(*turns)] == [number % 2 == 0 for number in range(len(play(*turns)))]
