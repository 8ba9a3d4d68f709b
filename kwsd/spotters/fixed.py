"""The fixed words alone, with the face of a spotter."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from kwsd.acoustic.gate import Quiet
from kwsd.commands12.model import FixedModel
from kwsd.commands12.stream import Word, WordStream
from kwsd.commands12.vocabulary import CommandTokenizer, normal
from kwsd.config.settings import FixedWords
from kwsd.errors import ConfigError
from kwsd.events import Detection
from kwsd.keywords.keyword import Keyword
from kwsd.sentences.search import SentenceSearch
from kwsd.spotters.orders import OrderListener
from kwsd.stream import Chunk, Frames
from kwsd.timebase import seconds
from kwsd.why import Evidence, HeardToken


class FixedSpotter:
    """Hears the words of one model in one stream. Not thread-safe, but for `compile`: one thread at a time calls it."""

    def __init__(
        self,
        model: FixedModel,
        settings: FixedWords | None = None,
        keywords: Sequence[Keyword] | None = None,
    ) -> None:
        """Report `keywords`, or where no list is given all of the model's words; the settings may name them instead.

        Raises:
            ModelError: the model does not run.
            ConfigError: a keyword or a word of the settings is none of the model's.
        """
        self.name = model.name
        """What to call the model."""
        self.quiet: Quiet | None = None
        """It has no gate: its networks cost less than a gate could spare."""
        self.gain_db = 0.0
        """Nor a gain."""
        self.frames: tuple[Frames, ...] = ()
        """None: its networks are no encoder that phrases could be searched behind."""
        self.weights = ""
        """None."""
        self.orders: OrderListener | None = None
        """Its networks tell ten words from all else, and not speech from silence."""
        self.sentences: SentenceSearch | None = None
        """Nor what is said in one."""
        self.tokenizer = CommandTokenizer(model.words)
        """The one that keywords are to be read with."""
        self._model = model
        self._settings = settings or FixedWords()
        strangers = [word for word in self._settings.words if word not in model.words]
        if strangers:
            raise ConfigError(f"fallback.words: {', '.join(strangers)}: choose from {', '.join(model.words)}")
        self._stream = WordStream(model, self._settings)
        self.replace(self.known(()) if keywords is None else self.compile(keywords))

    @property
    def position_samples(self) -> int:
        """Samples of the stream so far, lost ones included."""
        return self._stream.next_sample

    @property
    def heard_samples(self) -> int:
        """The same: nothing is quiet or failed for it."""
        return self._stream.next_sample

    @property
    def bad_chunks(self) -> int:
        """Calls of the network that came to nothing usable."""
        return self._stream.bad_blocks

    @property
    def words(self) -> tuple[str, ...]:
        """Those that are reported: the settings', else the keywords'."""
        wanted = self._settings.words or tuple(self._named)
        return tuple(word for word in self._model.words if word in wanted)

    @property
    def candidate(self) -> str | None:
        """The word that it will soon have decided about."""
        return self._stream.candidate

    def push(self, chunk: Chunk) -> list[Detection]:
        """The next sound → the words it completes, in the order spoken."""
        return [self._detection(word) for word in self._stream.push(chunk)]

    def held(self) -> dict[str, float]:
        """Nothing: a word is looked for as a whole."""
        return {}

    def finish(self) -> list[Detection]:
        """The sound has ended: what its last words complete."""
        return [self._detection(word) for word in self._stream.finish()]

    def known(self, keywords: Iterable[Keyword]) -> tuple[Keyword, ...]:
        """Those that are switched on of the keywords that it can hear, or all its words where it can hear none."""
        known = [keyword for keyword in keywords if normal(keyword.phrase) in self._model.words]
        known = known or [Keyword(word) for word in self._settings.words or self._model.words]
        return tuple(keyword for keyword in known if keyword.enabled)

    def compile(self, keywords: Sequence[Keyword]) -> tuple[Keyword, ...]:
        """The list, made sure that all of it can be heard.

        Raises:
            ConfigError: a keyword is none of the model's words; the message names it and them.
        """
        enabled = tuple(keyword for keyword in keywords if keyword.enabled)
        strangers = [keyword.phrase for keyword in enabled if normal(keyword.phrase) not in self._model.words]
        if strangers:
            words = ", ".join(self._model.words)
            raise ConfigError(f"{', '.join(strangers)}: only the fixed words can be heard: {words}")
        return enabled

    def replace(self, compiled: Sequence[Keyword]) -> None:
        """Report these from now on, under their names, with their thresholds where they have any."""
        self.keywords = tuple(compiled)
        """Those being listened for."""
        self._named = {normal(keyword.phrase): keyword for keyword in compiled}
        given = dict.fromkeys(self._model.words, self._settings.threshold)
        given |= {word: each.threshold for word, each in self._named.items() if each.threshold is not None}
        own = {word: each for word, each in given.items() if each is not None}
        self.thresholds = {
            self._named.get(word, Keyword(word)).label: float({**self._model.thresholds, **own}[word])
            for word in self.words
        }
        """By the keyword's name: what a score has to reach."""
        self._stream.listen_for(self.words, own)

    def _detection(self, word: Word) -> Detection:
        keyword = self._named.get(word.text, Keyword(word.text))
        start, end, heard = map(seconds, (word.start_sample, word.end_sample, word.arrived_sample))
        return Detection(
            keyword=keyword.label,
            phrase=keyword.phrase,
            start=start,
            end=end,
            score=round(word.score, 4),
            min_score=round(word.min_score, 4),
            threshold=round(word.threshold, 4),
            tokens=(word.text,),
            timestamps=(start,),
            engine=self._model.engine,
            stream_time=heard,
            latency_ms=round((heard - end) * 1000, 1),
            why=Evidence(
                rule="score",
                spelling=word.text,
                tokens=(HeardToken(token=word.text, posterior=round(word.score, 4), time=start, emitted=start),),
                score=round(word.score, 4),
                threshold=round(word.threshold, 4),
                running_threshold=0.0,
            ),
        )
