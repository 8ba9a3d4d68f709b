"""Commands for one of several sources, or for all of them; `hello` and `status` of them all."""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import asdict, replace
from typing import TYPE_CHECKING, Any

from kwsd.daemon.source import DaemonSource
from kwsd.daemon.source_summary import state_of
from kwsd.protocol.messages import CommandError, Hello, Microphone, SourceTold

if TYPE_CHECKING:
    from kwsd.protocol.commands import Command

OF_THE_PROCESS = frozenset(
    {
        *("version", "pid", "uptime_s", "model", "save_detections", "saved_bytes"),
        *("subscribers", "dropped_events", "skipped_commands"),
    }
)
"""What the status of a single source does not repeat."""
ADDED = (
    *("backlog_ms", "chunks", "decode_s", "detections", "overruns", "lost_ms", "reconnects"),
    *("reloads", "failed_reloads", "bad_chunks", "lost_files"),
)
REASONS = ("waiting_because", "level_because", "degraded_because", "reload_failed_because")
COUNTED = ("detections_by_keyword", "near_misses_by_keyword")
NO_SOURCES = "source: this daemon hears one input; [[source]] of its settings names several"


class SourceCommands:
    """Carries out commands, on the event loop, of any number of sources."""

    def __init__(self, sources: Sequence[DaemonSource]) -> None:
        """One without a name where the settings name none."""
        self._sources = {source.name: source for source in sources}
        self._first = sources[0]

    async def carry_out(self, command: "Command") -> dict[str, Any]:
        """Do what is asked of the source it names, or of all; the data of the reply. Raises CommandError."""
        from kwsd.protocol import commands  # noqa: PLC0415 - pydantic, which has come in with the command

        named = getattr(command, "source", None)
        if not self._first.name:
            if named is not None:
                raise CommandError(NO_SOURCES)
            return await self._first.handler.carry_out(command)
        if named is not None and named not in self._sources:
            raise CommandError(f'source: there is no "{named}"; there are: {", ".join(self._sources)}')
        meant = [*self._sources.values()] if named is None else [self._sources[named]]
        match command:
            case commands.Status():
                return self.status()
            case commands.Clip() if named is None:
                return await self.heard_by(command.id).handler.carry_out(command)
            case commands.Listen() if named is None and command.on:
                raise CommandError(f"source: say which is to listen: {', '.join(self._sources)}")
            case commands.SetThreshold():
                meant = [each for each in meant if command.keyword in {None, *each.state.keywords}] or meant[:1]
            case commands.Why():
                meant = meant[:1]
        told = await of_all(meant, lambda source: source.handler.carry_out(command))
        lists = {key for each in told for key in each if key in {"keywords", "problems"}}
        return {**told[0], **{key: united(each.get(key, ()) for each in told) for key in lists}}

    def hello(self) -> Hello:
        """How things stand, for who has just connected."""
        told = {name: source.handler.hello() for name, source in self._sources.items()}
        first = told[self._first.name]
        if not self._first.name:
            return first
        return replace(
            first,
            microphone=Microphone(
                name=", ".join(each.microphone.name for each in told.values()),
                open=any(each.microphone.open for each in told.values()),
            ),
            keywords=united(each.keywords for each in told.values()),
            state=state_of(each.state for each in told.values()),
            degraded=any(each.degraded for each in told.values()),
            sources=tuple(
                SourceTold(name=name, microphone=each.microphone, state=each.state, keywords=each.keywords)
                for name, each in told.items()
            ),
        )

    def status(self) -> dict[str, Any]:
        """What a single source tells, added up, and in `sources` what each does."""
        told = {name: source.handler.status() for name, source in self._sources.items()}
        each = [*told.values()]
        sizes = [one["saved_bytes"] for one in each if one["saved_bytes"] is not None]
        gates = [one["quiet_gate"] for one in each]
        quiets = [quiet for source in self._sources.values() if (quiet := source.spotter.quiet)]
        segments = sum(quiet.segments for quiet in quiets)
        return {
            **each[0],
            "state": state_of(one["state"] for one in each),
            "deaf": any(one["deaf"] for one in each),
            "microphone": asdict(self.hello().microphone),
            "keywords": united(one["keywords"] for one in each),
            "keywords_from": "socket" if any(one["keywords_from"] == "socket" for one in each) else "file",
            "thresholds": {label: value for one in reversed(each) for label, value in one["thresholds"].items()},
            "degraded": any(one["degraded"] for one in each),
            "stream_time": max(one["stream_time"] for one in each),
            "progress_age_s": max(one["progress_age_s"] for one in each),
            "saved_bytes": sum(sizes) if sizes else None,
            "gain_db": max(one["gain_db"] for one in each),
            "quiet_gate": {
                "on": any(gate["on"] for gate in gates),
                "closed": all(gate["closed"] for gate in gates),
                "share": round(sum(quiet.spared for quiet in quiets) / max(1, segments), 4),
            },
            **{key: round(sum(one[key] for one in each), 3) for key in ADDED},
            **{key: "; ".join(f"{name}: {one[key]}" for name, one in told.items() if one[key]) for key in REASONS},
            **{key: dict(sum((Counter(one[key]) for one in each), Counter[str]())) for key in COUNTED},
            "sources": [
                {"name": name, **{key: value for key, value in one.items() if key not in OF_THE_PROCESS}}
                for name, one in told.items()
            ],
        }

    def heard_by(self, detection: int | None) -> DaemonSource:
        """Whose detection it is. Raises CommandError: nobody's, or a time without a source."""
        if detection is None:
            raise CommandError(f"source: say whose sound is wanted: {', '.join(self._sources)}")
        for source in self._sources.values():
            if source.clips is not None and source.clips.remembers(detection):
                return source
        return self._first  # which says so


async def of_all(
    meant: Sequence[DaemonSource], work: Callable[[DaemonSource], Awaitable[dict[str, Any]]]
) -> list[dict[str, Any]]:
    """Of all at the same time: one that cannot keeps no other from it. Raises CommandError, which names those."""
    told = await asyncio.gather(*map(work, meant), return_exceptions=True)
    failures = []
    for source, each in zip(meant, told, strict=True):
        if isinstance(each, CommandError):
            failures.append(f"{source.name}: {each}")
        elif isinstance(each, BaseException):
            raise each
    if failures:
        done = len(meant) - len(failures)
        raise CommandError("; ".join(failures) + (f"; done for the other {done}" if done else ""))
    return [each for each in told if not isinstance(each, BaseException)]


def united(lists: Iterable[Iterable[str]]) -> tuple[str, ...]:
    """Every text of them once, in order."""
    return tuple(dict.fromkeys(text for each in lists for text in each))
