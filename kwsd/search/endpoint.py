"""Where an order begins and ends: by the transducer's own blanks, and by the level against the quietest of the room.

Frames of tokens are speech. Their level tells what belongs to them: a rise before the first, a fall behind the last.
In noise of 10 dB the level alone is of no use, and the blanks of frames without speech are as sure as in silence. So
when the silence is due between two calls of the encoder, it is asked early, with what has come of the next segment.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Protocol

import numpy as np

from kwsd.quick_dataclass import dataclass
from kwsd.search.posteriors import Acoustics
from kwsd.search.settings import OrderSettings
from kwsd.stream import Float32, Frames
from kwsd.timebase import SUBSAMPLING, encoder_frames
from kwsd.units import START

SPEECH = 0.5  # probability of any token with which an order begins
MORE_SPEECH = 0.1  # with which it goes on: the last sounds of a phrase are often weak
NOT_SILENT = 0.03  # with which it may go on: the frame before a token often has as much
ABOVE_FLOOR_NATS = 2.0  # 9 dB over the quietest tenth
FLOOR_FRAMES = 128  # 5 s
RISE_FRAMES = 10  # a token is told up to so long behind the first sound of its word
LEAST_FALL_FRAMES, LONGEST_FALL_FRAMES = 2, 6  # the last token is followed by its own sound
FALL_NATS = 2.0  # 9 dB below the mean of the order: the room again
NEW = 24  # of 10 ms: what rises in so many may be a word whose first token is not told yet
NEW_NATS = 1.0  # over half of the pause
NEW_SHARE = 0.6  # of those since it rose: a knock is over sooner
TAIL = 8  # of 10 ms behind the end, which are not the pause yet
LEAST_PAUSE = 10  # of 10 ms, of which it can be told what rises
HELD_FRAMES = 8  # for so long at most a word may be awaited
AGAIN_FRAMES = 3  # in noise what rises when the silence is due is given so long to become a word
QUIET_NATS = 5.0  # what is spoken so far above what is loud, 30 dB over the quietest tenth, is in no noise


@dataclass(frozen=True, slots=True)
class Begun:
    """Speech."""

    first: int
    """The frame in which it began."""


@dataclass(frozen=True, slots=True)
class Over:
    """No more is to come."""

    first: int | None
    """The frame in which the order began; None where nothing was said."""
    last: int
    """The frame behind it."""
    is_cut: bool = False
    """Whether it goes on, for orders are no longer."""


class EarlySound(Protocol):
    """Sound behind the last frames, of which none are made yet."""

    @property
    def arrived_sample(self) -> int:
        """Where it ends."""
        ...

    def power(self) -> Float32:
        """(T,), nats: of every 10 ms behind those of the last frames."""
        ...

    def encoder_out(self, count: int) -> Float32:
        """(n, C): what the encoder makes of the first `count` of them, as far as can be told without what follows."""
        ...


class SpeechFrames:
    """The frames from some frame on, as speech: how probable any token is in each, and how loud it is."""

    def __init__(self, acoustics: Acoustics, *, behind_word: bool) -> None:
        """`behind_word`: the last token of another word may still sound in the first frames; it is none."""
        self._acoustics = acoustics
        self._skips = behind_word
        self._room = np.empty(0, np.float32)
        self.tokens = np.empty(0, np.float32)
        """(n,) 0 to 1: probability of any token."""
        self.power = np.empty(0, np.float32)
        """(4 n + look-ahead,) nats, of every 10 ms."""
        self.levels = np.empty(0, np.float32)
        """(n + 3,) nats: the same by frame."""

    def know(self, frames: Frames) -> None:
        """Frames, also such as came before: how loud the room is."""
        room = np.append(self._room, frames.power[: SUBSAMPLING * frames.count])
        self._room = room[-SUBSAMPLING * FLOOR_FRAMES :]

    def push(self, frames: Frames) -> None:
        """The next ones. Those that were not heard are silence."""
        self.know(frames)
        tokens = np.zeros(frames.count, np.float32)
        if frames.encoder_out is not None:
            tokens = self.tokens_in(frames.encoder_out)
        if self._skips:
            over = np.flatnonzero(tokens <= MORE_SPEECH)
            self._skips = not len(over)
            tokens[: over[0] if len(over) else frames.count] = 0
        self.power = np.append(self.power[: SUBSAMPLING * len(self.tokens)], frames.power)
        whole = len(self.power) // SUBSAMPLING * SUBSAMPLING
        self.levels = np.log(np.exp(self.power[:whole]).reshape(-1, SUBSAMPLING).mean(axis=1))
        self.tokens = np.append(self.tokens, tokens)

    def tokens_in(self, encoder_out: Float32) -> Float32:
        """Frames (n, C) → (n,) 0 to 1: probability of any token."""
        log_probs = self._acoustics.log_probs(encoder_out, [START] * len(encoder_out))
        return np.asarray(1 - np.exp(log_probs[:, list(self._acoustics.silent_tokens)]).sum(axis=1))

    @property
    def loud(self) -> float:
        """Level of what is not the room alone."""
        return share(self._room, 0.1) + ABOVE_FLOOR_NATS

    def rise(self, token: int) -> int:
        """The frame in which the word of a first token began."""
        first, loud = token, self.loud
        while first > max(0, token - RISE_FRAMES) and self.levels[first - 1] > loud:
            first -= 1
        return first

    @property
    def last_token(self) -> int:
        """The frame of the last one of what was said."""
        return int(np.flatnonzero(self.tokens > MORE_SPEECH)[-1])

    def spoken(self, first: int) -> float:
        """Level of what began in frame `first`, to its last token."""
        return float(np.log(np.exp(self.levels[first : self.last_token + 1]).mean()))

    def fall(self, first: int) -> int:
        """The frame behind the last sound of what began in frame `first`."""
        token = self.last_token
        least = max(self.loud, self.spoken(first) - FALL_NATS)
        end = min(len(self.levels), token + LEAST_FALL_FRAMES)
        while end < min(len(self.levels), token + LONGEST_FALL_FRAMES) and self.levels[end] > least:
            end += 1
        return end

    @property
    def may_be_token(self) -> bool:
        """Whether the last frames may be the beginning of one."""
        return bool((self.tokens[-SUBSAMPLING:] > NOT_SILENT).any())

    def rises(self, power: Float32) -> bool:
        """Whether a word may have begun, of which no token is told yet, in what followed the end of speech."""
        pause = power[TAIL:]
        if len(pause) < LEAST_PAUSE:
            return False
        new = pause[-NEW:] > max(share(pause, 0.5) + NEW_NATS, self.loud)
        return bool(new.any()) and bool(new[int(new.argmax()) :].mean() >= NEW_SHARE)


class Endpointer:
    """Listens for one order. What it gives depends on the sound alone, however that is cut."""

    def __init__(self, acoustics: Acoustics, settings: OrderSettings, since: int, *, behind_word: bool) -> None:
        """The order lies behind frame `since`, as all frames do. `behind_word`: a token may still be sounding there."""
        self._settings = settings
        self._since = since
        self._speech = SpeechFrames(acoustics, behind_word=behind_word)
        self._first: int | None = None
        self._silence = max(1, encoder_frames(settings.end_s) - 1)  # that much is known of the frame behind it
        self._next = 0  # 10 ms since the origin before which there are no further frames
        self.due: int | None = None
        """10 ms since the origin which, once they have come, may show that the order is over: `wait` says so."""

    def know(self, frames: Frames) -> None:
        """Frames before the order: how loud the room is."""
        self._speech.know(frames)

    def push(self, frames: Frames) -> list[Begun | Over]:
        """The next frames, from `since` on → what they decide. What is due before they came, `wait` is to be asked."""
        speech, silence = self._speech, self._silence
        speech.push(frames)
        self.due = None
        told: list[Begun | Over] = []
        known = len(speech.levels)
        if self._first is None:
            above = np.flatnonzero(speech.tokens > SPEECH)
            if not len(above):
                waited = known >= rounded(self._settings.nothing_s, frames.count)
                return [self.stop()] if waited else []
            self._first = speech.rise(int(above[0]))
            told.append(Begun(self._since + self._first))
        over = self.stop()
        end = over.last - self._since
        silent, self._next = known - end, SUBSAMPLING * (self._since + known + frames.count)
        is_late, pause = silent >= silence + AGAIN_FRAMES, speech.power[SUBSAMPLING * end :]
        due = SUBSAMPLING * (over.last + silence)
        if silent < silence:
            self.due = due if silent + frames.count > silence else None
        elif silent >= silence + HELD_FRAMES or not (speech.may_be_token or self._rises(pause, is_late=is_late)):
            return [*told, over]
        elif not is_late:
            self.due = due + SUBSAMPLING * AGAIN_FRAMES
        if known - self._first >= encoder_frames(self._settings.longest_s):
            told.append(replace(over, last=self._since + known, is_cut=True))
        return told

    def wait(self, ahead: EarlySound) -> list[Over]:
        """What is due has come → whether the order is over: nothing rises, and the encoder, asked early, is silent."""
        if self.due is None:
            return []
        over, known, due, self.due = self.stop(), self._speech.power, self.due, None
        begin, end = (frame - SUBSAMPLING * self._since for frame in (SUBSAMPLING * over.last, due))
        power = np.append(known, ahead.power())[begin:end]
        tokens = self._speech.tokens_in(ahead.encoder_out(max(0, end - len(known))))
        if len(power) < end - begin or (tokens > NOT_SILENT).any():
            return []
        first_due = SUBSAMPLING * (over.last + self._silence)
        if not self._rises(power, is_late=due > first_due):
            return [over]
        again = first_due + SUBSAMPLING * AGAIN_FRAMES
        self.due = again if due < again < self._next else None  # else the next frames tell
        return []

    def _rises(self, power: Float32, *, is_late: bool) -> bool:
        """Whether a next word may have begun; in noise the level is not believed for long."""
        speech = self._speech
        is_quiet = self._first is not None and speech.spoken(self._first) > speech.loud + QUIET_NATS
        return speech.rises(power) and (is_quiet or not is_late)

    def stop(self) -> Over:
        """What there is of an order so far."""
        if self._first is None:
            return Over(None, self._since + len(self._speech.tokens))
        return Over(self._since + self._first, self._since + self._speech.fall(self._first))


def rounded(duration_s: float, step: int) -> int:
    """Frames after which a time has passed to the nearest step in which frames come: never late by more than half."""
    return max(1, encoder_frames(duration_s) - step // 2)


def share(levels: Float32, part: float) -> float:
    """What so large a part of the levels does not exceed. np.quantile would load numpy.ma: 35 ms and 2 MB."""
    place = int(part * (len(levels) - 1))
    return float(np.partition(levels, place)[place])
