"""What a model has heard: hours and speakers per source, counted in the packed data it was trained on."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from training.zipformer.data.pack import Clip, read_pack
from training.zipformer.data.records import Recording, everything

UNKNOWN_SPEAKERS = frozenset({"", "unknown"})
VERBS = {"train": "speech", "noise": "noise", "room": "room responses"}
LABELLED = "-pseudo"
LABELS = "texts by two Whisper models (MIT)"
SYNTHETIC = "output of espeak-ng, flite and festival voices that are free for any use"
KOKORO = "kokoro"
MIXED = "output of Kokoro-82M (Apache-2.0), 24 voices mixed two by two"
"""Hardly two clips have the same mix: its speakers are not counted."""


@dataclass(frozen=True)
class Source:
    """A corpus, as far as it was trained on. `str()` is its line in model.toml."""

    corpus: str
    kind: str
    licence: str
    files: int
    hours: float
    speakers: frozenset[str]
    """Empty where they are unknown or nobody speaks."""

    def __str__(self) -> str:
        people = f", {len(self.speakers)} speaker{'s' * (len(self.speakers) > 1)}" if self.speakers else ""
        return f"{self.kind}, {self.licence}: {self.hours:.2f} h{people} ({self.corpus})"


def sources(data: Path, shared: Path) -> list[Source]:
    """Count what a packed folder holds for training, the most hours first; licences are those of the manifests."""
    licences: dict[tuple[str, str], set[str]] = defaultdict(set)
    for recording in everything(shared):
        licences[_name(recording), recording.split].add(_plain(recording.licence))
    clips: dict[tuple[str, str], list[Clip]] = defaultdict(list)
    for clip in read_pack(data).clips:
        if clip.split in VERBS:
            clips[_name(clip), clip.split].append(clip)
    found = [_source(*key, own, _licences(*key, licences)) for key, own in clips.items()]
    return sorted(found, key=lambda source: (list(VERBS.values()).index(source.kind), -source.hours))


def _licences(corpus: str, split: str, known: Mapping[tuple[str, str], set[str]]) -> set[str]:
    """Of a corpus; of one that machines labelled, its own and who wrote the texts."""
    if corpus.endswith(LABELLED):
        own = known.get((corpus.removesuffix(LABELLED), "unlabelled"), set())
        return {f"{licence}, {LABELS}" for licence in own} or {LABELS}
    return {MIXED} if corpus == KOKORO else known.get((corpus, split), {SYNTHETIC})


def _name(recording: Recording | Clip) -> str:
    """Its corpus; noise is collected from several places, which stand where its speaker would."""
    if recording.speaker.startswith(f"{KOKORO}/"):
        return KOKORO
    return recording.speaker if recording.split == "noise" else recording.corpus


def _plain(licence: str) -> str:
    return licence.replace("CC-BY-", "CC BY ").replace("CC0-", "CC0 ").replace("Public-Domain", "public domain")


def _source(corpus: str, split: str, clips: list[Clip], licences: Iterable[str]) -> Source:
    speakers = frozenset(clip.speaker for clip in clips)
    known = split == "train" and corpus != KOKORO and not speakers & UNKNOWN_SPEAKERS
    return Source(
        corpus,
        VERBS[split],
        ", ".join(sorted(licences)),
        len(clips),
        sum(clip.seconds for clip in clips) / 3600,
        speakers if known else frozenset(),
    )


def by_licence(found: Iterable[Source]) -> list[Source]:
    """Corpora of one kind and licence as one source; who speaks in several of them is counted once."""
    groups: dict[tuple[str, str], list[Source]] = defaultdict(list)
    for source in found:
        groups[source.kind, source.licence].append(source)
    return [
        Source(
            ", ".join(source.corpus for source in own),
            kind,
            licence,
            sum(source.files for source in own),
            sum(source.hours for source in own),
            frozenset().union(*(source.speakers for source in own)),
        )
        for (kind, licence), own in groups.items()
    ]


def table(found: Iterable[Source]) -> str:
    """In Markdown."""
    lines = (
        f"| {source.kind} | {source.licence} | {source.hours:.2f} | {len(source.speakers) or '–'} | {source.corpus} |"
        for source in found
    )
    return "\n".join(["| what | licence | hours | speakers | from |", "|---|---|---|---|---|", *lines])
