"""Phrases of an open vocabulary in one stream of sound: AcousticStream → KeywordSearch → events."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from kwsd.acoustic.gain import AutomaticGain
from kwsd.acoustic.gate import Quiet, QuietGate
from kwsd.acoustic.model import Model
from kwsd.acoustic.stream import AcousticStream, step
from kwsd.events import Event
from kwsd.keywords.compile import CompiledKeywords
from kwsd.keywords.keyword import Keyword
from kwsd.search.beam import Match
from kwsd.search.search import KeywordSearch
from kwsd.search.settings import OrderSettings, SearchSettings
from kwsd.sentences.search import SentenceSearch
from kwsd.spotters.behind import Behind
from kwsd.spotters.compiling import compile_for
from kwsd.spotters.found import event_of
from kwsd.stream import Chunk, Frames


class PhraseSpotter:
    """Hears keywords in one stream; a new stream is a new spotter, which is cheap where its keywords are compiled.

    Not thread-safe, but for `compile`: one thread at a time calls it.
    """

    def __init__(
        self,
        model: Model,
        keywords: Sequence[Keyword | str] | CompiledKeywords,
        settings: SearchSettings | None = None,
        *,
        quiet_gate: bool = False,
        automatic_gain: bool = False,
        orders: OrderSettings | None = None,
    ) -> None:
        """Listen for `keywords` with `model`; a text stands for the keyword of that phrase.

        What `settings` does not give, the model's model.toml does. `quiet_gate` spares the encoder a quiet room,
        `automatic_gain` lifts faint speech; `orders` is needed where a program may ask for one.
        Raises ConfigError: a keyword cannot be written in the model's pieces.
        """
        self.name = model.name
        """What to call the model."""
        self.tokenizer = model.tokenizer
        """The one that keywords are to be read with."""
        self.bad_chunks = 0
        """Encoder calls whose output was not finite; the encoder started over each time."""
        self._model, self._settings = model, (settings or SearchSettings()).over(model.description.search)
        self._quiet_gate, self._automatic_gain, self._order_settings = quiet_gate, automatic_gain, orders
        self.compiled = keywords if isinstance(keywords, CompiledKeywords) else self.compile(Keyword.of(keywords))
        """The keywords made ready; other spotters of the model may share them."""
        self.reset()

    def reset(self) -> None:
        """Begin a new stream at 0 s with the same keywords, as another spotter that shares `compiled` would."""
        shift, frames = self._model.encoder.shift_frames, self._model.encoder.output_frames
        gate = QuietGate(self.compiled.longest_pause(frames), shift) if self._quiet_gate else None
        self._stream = AcousticStream(self._model, gate)
        self._stream.gain = AutomaticGain(shift) if self._automatic_gain else None
        self.searching = KeywordSearch(self.compiled.searched, self._model.transducer)
        self._behind = Behind(self._model, self._stream, self._order_settings)
        self.sentences: SentenceSearch | None = None
        self.orders = self._behind.orders
        """Listens for what is said behind keywords with `listen`, or when asked."""
        self.heard_samples = 0
        """Samples of the stream of which frames came: a little behind the position."""
        self.frames: list[Frames] = []
        """Those that the last push searched."""

    @property
    def keywords(self) -> tuple[Keyword, ...]:
        """Those being listened for."""
        return self.compiled.keywords

    @property
    def weights(self) -> str:
        """Names those of the encoder."""
        return self._model.encoder.fingerprint

    @property
    def quiet(self) -> Quiet | None:
        """How things stand with the quiet gate; None where there is none."""
        return self._stream.gate.quiet if self._stream.gate else None

    @property
    def gain_db(self) -> float:
        """By how much what comes is lifted."""
        return self._stream.gain.decibels if self._stream.gain else 0.0

    @property
    def position_samples(self) -> int:
        """Samples of the stream so far, lost ones included."""
        return self._stream.next_sample or 0

    @property
    def thresholds(self) -> dict[str, float]:
        """By the keyword's name: what a score has to reach."""
        searched = self.compiled.searched
        return {label: limits.threshold for label, limits in zip(searched.labels, searched.limits, strict=True)}

    def held(self) -> dict[str, float]:
        """By the keyword's name: what the search holds of it, 0 to 1."""
        labels = self.compiled.searched.labels
        return {labels[keyword]: round(score, 3) for keyword, score in self.searching.held().items()}

    def compile(self, keywords: Sequence[Keyword]) -> CompiledKeywords:
        """Make a list ready for `replace`, or for any number of spotters; slow. Raises as `compile_for` does."""
        return compile_for(self._model, keywords, self._settings)

    def replace(self, compiled: CompiledKeywords) -> None:
        """Listen for other keywords from now on; fast. What is being said meanwhile is not lost."""
        self.compiled = compiled
        self.searching.replace(compiled.searched)
        if self._stream.gate:
            self._stream.gate.hang_over = compiled.longest_pause(self._model.encoder.output_frames)

    def push(self, chunk: Chunk) -> list[Event]:
        """The next sound → what was said in it, and what was nearly said. Sound between chunks was lost."""
        self._stream.take(chunk)
        return [*self._hear()]

    def finish(self) -> Sequence[Event]:
        """The sound has ended: what its last words complete, or nearly do. Nothing can be pushed behind it."""
        self._stream.take_end()
        told, last = [*self._hear()], self.frames[-1:]
        told += [event_of(miss, last[0], self.compiled, self.tokenizer) for miss in self.searching.finish() if last]
        return [*told, *self._behind.finish()]

    def _hear(self) -> Iterator[Event]:
        """What the features that wait complete, frames after frames; between them what is due without any."""
        self.frames = []
        yield from self._behind.wait()
        while self._stream.waiting:
            self.frames += step([self._stream])[0]
            yield from self.search(self.frames[-1])

    def search(self, frames: Frames, matches: list[Match] | None = None) -> Iterator[Event]:
        """What frames complete that were kept, or made elsewhere; `matches` as `KeywordSearch.push` takes them."""
        self.bad_chunks += frames.kind == "failed"
        if frames.kind != "failed":
            self.heard_samples = frames.arrived_sample
        heard = [event_of(each, frames, self.compiled, self.tokenizer) for each in self.searching.push(frames, matches)]
        yield from self._behind.push(frames, heard, self.compiled)
