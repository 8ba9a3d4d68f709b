"""Sound that was asked for: cut out of the ring, for a subscriber or for a file."""

import asyncio
import base64
from collections import OrderedDict
from typing import Any

from kwsd.events import Detection, Event
from kwsd.outlets.recent_audio import Ring
from kwsd.outlets.saver import Saver
from kwsd.outlets.wav import wav_bytes
from kwsd.protocol.commands import Clip, CommandError
from kwsd.timebase import samples, seconds

MARGIN_S = 0.5  # on either side of a detection: its start is an estimate
WAIT_S = 12.0  # for sound that is yet to come: the ring's length and a little
POLL_S = 0.05
REMEMBERED = 32  # detections a clip can be asked for by id; the ring holds no more than that


class Clips:
    """Listens to the bus for detections, so that a clip can be asked for by id. On the event loop."""

    def __init__(self, ring: Ring, saver: Saver | None) -> None:
        self._ring = ring
        self._saver = saver
        self._detections: OrderedDict[int, Detection] = OrderedDict()
        self._saving: set[asyncio.Task[None]] = set()

    def __call__(self, event: Event) -> None:
        """Listener of the bus."""
        if not isinstance(event, Detection):
            return
        self._detections[event.id] = event
        if len(self._detections) > REMEMBERED:
            self._detections.popitem(last=False)
        if self._saver is not None:
            task = asyncio.create_task(self._save(event, self._saver))
            self._saving.add(task)
            task.add_done_callback(self._saving.discard)

    async def cut(self, command: Clip) -> dict[str, Any]:
        """The data of a reply: start, end, and the WAV file in base64. Raises CommandError."""
        start_s, end_s = self._span(command)
        if end_s - start_s > seconds(self._ring.length):
            raise CommandError(f"start: a clip has {seconds(self._ring.length):.0f} s at most")
        await self._arrival(end_s)
        start, pcm = self._ring.cut(samples(start_s), samples(end_s))
        if not len(pcm):
            oldest, newest = seconds(self._ring.start), seconds(self._ring.end)
            raise CommandError(f"that sound is gone or did not come; there is {oldest:.3f} to {newest:.3f} s")
        wav = base64.b64encode(wav_bytes(pcm)).decode()
        return {"start": seconds(start), "end": seconds(start + len(pcm)), "wav": wav}

    def _span(self, command: Clip) -> tuple[float, float]:
        detection = self._detections.get(command.id) if command.id is not None else None
        if command.id is not None and detection is None:
            raise CommandError(f"id: there is no detection {command.id}, or it is too long ago")
        start_s, end_s = command.start, command.end
        if detection is not None:
            start_s = max(0.0, detection.start - MARGIN_S) if start_s is None else start_s
            end_s = detection.end + MARGIN_S if end_s is None else end_s
        if start_s is None or end_s is None or end_s <= start_s:
            raise CommandError("give the id of a detection, or start and end in seconds, start before end")
        return start_s, end_s

    async def _arrival(self, end_s: float) -> None:
        """Wait until the sound up to there has come, but not for ever: it may never."""
        for _ in range(round(WAIT_S / POLL_S)):
            if self._ring.end >= samples(end_s):
                return
            await asyncio.sleep(POLL_S)  # polled: the decoding thread has better to do than to tell us

    async def _save(self, event: Detection, saver: Saver) -> None:
        await self._arrival(event.end + MARGIN_S)
        start = samples(max(0.0, event.start - MARGIN_S))
        _, pcm = self._ring.cut(start, samples(event.end + MARGIN_S))
        saver.save(file_name(event), wav_bytes(pcm))


def file_name(event: Detection) -> str:
    """Such as `20261121T081502.123Z-17-lights_on.wav`: sorts by time, and is safe whatever the keyword is called."""
    stamp = event.time.replace("-", "").replace(":", "").replace("+0000", "Z")
    word = "".join(letter if letter.isalnum() else "_" for letter in event.keyword.lower())[:60]
    return f"{stamp}-{event.id}-{word}.wav"
