"""How several sources stand, in one word and in one line; and what they tell, each to the state of its own."""

from collections.abc import Iterable, Iterator, Sequence

from kwsd.daemon.source import DaemonSource
from kwsd.events import State

FIRST_OF: tuple[State, ...] = ("listening", "waiting", "silent", "muted")


def state_of(states: Iterable[State]) -> State:
    """`listening` as long as one listens; `muted` only where all are."""
    there = set(states)
    return next(state for state in FIRST_OF if state in there)


def summary(sources: Sequence[DaemonSource]) -> str:
    """One line for a person, as systemd shows it; it names who does not hear, and why."""
    if not sources[0].name:
        deaf = "deaf: nothing is heard of the sound; " if sources[0].is_deaf else ""
        return deaf + sources[0].state.summary
    listening = [each.name for each in sources if each.state.source.state == "listening" and not each.is_deaf]
    parts = [f"listening to {', '.join(listening)}"] if listening else []
    parts += [f"{each.name} {why_not(each)}" for each in sources if each.name not in listening]
    keywords = {label for each in sources for label in each.state.keywords}
    parts.append(f"{len(keywords)} keywords, {sum(each.state.source.overruns for each in sources)} overruns")
    return "; ".join([*parts, *notes(sources)])


def why_not(source: DaemonSource) -> str:
    """Such as `is muted`, behind the name of one that does not hear."""
    told = source.state.source
    if source.is_deaf:
        return "is deaf: nothing is heard of its sound"
    match told.state:
        case "muted":
            return "is muted"
        case "silent":
            return f"is silent: {told.waiting_because[:300]}"
    return f'waits for microphone "{told.microphone}"'


def notes(sources: Sequence[DaemonSource]) -> Iterator[str]:
    """Why less is heard than could be."""
    for each in sources:
        state = each.state
        for note in (state.source.level_because, state.degraded_because, state.reload_failed_because):
            if note:
                yield f"{each.name}: {note[:300]}"
