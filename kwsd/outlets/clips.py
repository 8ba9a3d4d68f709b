"""Sound around detections, cut out of the recent audio: for a subscriber who asks, or for a file each."""

import asyncio
import base64
from collections import OrderedDict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kwsd.audio.wav import wav_bytes
from kwsd.events import Detection, NearMiss
from kwsd.outlets.clip_name import clip_name
from kwsd.outlets.recent_audio import RecentAudio
from kwsd.outlets.wav_files import POLL_S, WAIT_S, FileLimits, Stretch, WavFiles
from kwsd.protocol.messages import CommandError
from kwsd.records import Record
from kwsd.timebase import samples, seconds

if TYPE_CHECKING:
    from kwsd.protocol.commands import Clip

MARGIN_S = 0.5  # on either side of a detection: its start is an estimate
REMEMBERED = 32  # detections a clip can be asked for by id; the recent audio holds no more than that


class Clips:
    """Remembers detections, so that their sound can be asked for by id. On the event loop."""

    wants = frozenset({Detection.type})

    def __init__(self, recent: RecentAudio) -> None:
        self._recent = recent
        self._detections: OrderedDict[int, Detection] = OrderedDict()

    def take(self, event: Record) -> None:
        """Remember it; the oldest is forgotten."""
        if isinstance(event, Detection):
            self._detections[event.id] = event
            if len(self._detections) > REMEMBERED:
                self._detections.popitem(last=False)

    def remembers(self, detection: int) -> bool:
        """Whether its sound can be asked for by that id."""
        return detection in self._detections

    async def close(self, deadline_s: float) -> None:
        """Nothing is under way."""

    async def cut(self, command: "Clip") -> dict[str, Any]:
        """The data of a reply: start, end, and the WAV file in base64. Raises CommandError."""
        detection = self._detections.get(command.id) if command.id is not None else None
        if command.id is not None and detection is None:
            raise CommandError(f"id: there is no detection {command.id}, or it is too long ago")
        start_s, end_s = command.start, command.end
        if detection is not None:
            start_s = max(0.0, detection.start - MARGIN_S) if start_s is None else start_s
            end_s = detection.end + MARGIN_S if end_s is None else end_s
        if start_s is None or end_s is None or end_s <= start_s:
            raise CommandError("give the id of a detection, or start and end in seconds, start before end")
        if end_s - start_s > seconds(self._recent.length):
            raise CommandError(f"start: a clip has {seconds(self._recent.length):.0f} s at most")
        for _ in range(round(WAIT_S / POLL_S)):
            if self._recent.end >= samples(end_s):
                break
            await asyncio.sleep(POLL_S)
        start, pcm = self._recent.cut(samples(start_s), samples(end_s))
        if not len(pcm):
            oldest, newest = seconds(self._recent.start), seconds(self._recent.end)
            raise CommandError(f"that sound is gone or did not come; there is {oldest:.3f} to {newest:.3f} s")
        wav = base64.b64encode(wav_bytes(pcm)).decode()
        return {"start": seconds(start), "end": seconds(start + len(pcm)), "wav": wav}


class ClipFiles(WavFiles):
    """`--save-detections`: a WAV file per detection, and with `near_misses` one for each of these as well."""

    def __init__(self, directory: Path, recent: RecentAudio, limits: FileLimits, *, near_misses: bool = False) -> None:
        """Raises ConfigError when the directory cannot be made."""
        self.wants = frozenset({Detection.type, NearMiss.type} if near_misses else {Detection.type})
        super().__init__("save_detections", directory, recent, limits)

    def take(self, event: Record) -> None:
        """Write its sound as soon as it has come."""
        if isinstance(event, Detection | NearMiss):
            start_s, end_s = max(0.0, event.start - MARGIN_S), event.end + MARGIN_S
            self.put(Stretch(clip_name(event.fields()), start_s, end_s, event))

    def written(self, stretch: Stretch, why_not: str | None) -> None:
        """Nobody waits for it."""
