"""`--save-orders`: a WAV file for every order, whose `speech_end` is told when it is there."""

import threading
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from kwsd.intents import Transcript
from kwsd.orders import SpeechEnd
from kwsd.outlets.clip_name import clip_name
from kwsd.outlets.recent_audio import RecentAudio
from kwsd.outlets.wav_files import FileLimits, Stretch, WavFiles
from kwsd.records import Record


class OrderFiles(WavFiles):
    """Given each `speech_end` before it is told; told all the same where there is no file, with the reason."""

    def __init__(
        self, directory: Path, recent: RecentAudio, limits: FileLimits, publish: Callable[[Record], None]
    ) -> None:
        """`publish` tells, from any thread. Raises ConfigError when the directory cannot be made."""
        self._publish = publish
        self._telling = threading.Lock()
        self._held: dict[float, list[Transcript]] = {}
        super().__init__("save_orders", directory.absolute(), recent, limits)

    def write(self, event: SpeechEnd) -> None:
        """Write its sound, then tell it."""
        with self._telling:
            self._held.setdefault(event.since, [])
        name = clip_name({**event.fields(), "id": "order", "keyword": event.keyword or "asked"})
        self.put(Stretch(name, event.sound_start, event.sound_end, event))

    def tell(self, text: Transcript) -> None:
        """Of an order that ended: behind its `speech_end`, which may wait for the file. Any thread."""
        with self._telling:
            held = self._held.get(text.since)
            if held is None:
                self._publish(text)
            else:
                held.append(text)

    def written(self, stretch: Stretch, why_not: str | None) -> None:
        """Tell where it is, or why it is not."""
        file = str(self.directory / stretch.name) if why_not is None else None
        end = replace(stretch.about, file=file, file_error=why_not)
        with self._telling:
            for each in (end, *self._held.pop(end.since, ())):
                self._publish(each)
