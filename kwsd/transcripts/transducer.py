"""The model's own transcriber: the frames that the wake word is searched in, searched for any text."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import replace

from kwsd.acoustic.model import Model
from kwsd.errors import TranscriptError
from kwsd.intents import SpokenWord
from kwsd.search.text_beam import TEXT_BEAM, TextBeam, TextEmission
from kwsd.stream import Chunk, Frames
from kwsd.text.pieces import Tokenizer
from kwsd.timebase import encoder_frame_start, seconds
from kwsd.transcripts.interface import Transcription
from kwsd.units import WORD_START


def check_writes_words(model: Model) -> None:
    """Raises TranscriptError: the model's units are phones, of which no words can be made without a recogniser."""
    if not isinstance(model.tokenizer, Tokenizer):
        raise TranscriptError(
            f"{model.name} hears phones and cannot write words; give a model of word pieces, such as "
            "--model gigaspeech-3.3M (kwsctl models pull gigaspeech-3.3M), or let another program transcribe"
        )


class TransducerTranscriber:
    """Implements `Transcriber` on frames alone; its memory is bounded but for the text itself."""

    def __init__(self, model: Model, beam: int = TEXT_BEAM) -> None:
        """Raises TranscriptError: the model has phones."""
        check_writes_words(model)
        self._model = model
        self._beam_size = beam
        self._origin_sample: int | None = None
        self._beam = TextBeam(model.transducer, beam)
        self._pending: list[TextEmission] = []
        self._words: list[SpokenWord] = []
        self._end_sample = 0
        self._cancelled = False

    def push(self, chunk: Chunk, frames: Sequence[Frames]) -> None:
        """Search the frames. A new origin, behind a long gap, begins a new word; what was not heard is silence."""
        self._end_sample = max(self._end_sample, chunk.end_sample)
        for each in frames:
            if self._origin_sample is not None and each.origin_sample != self._origin_sample:
                self._end_of_stretch()
            self._origin_sample = each.origin_sample
            if each.encoder_out is not None:
                self._pending += self._beam.push(each.encoder_out, each.first)
                *whole, last = [*words_of(self._pending, self._model)] or [[]]  # the last may go on
                self._words += map(self._word, whole)
                self._pending = last

    def finish(self) -> Transcription:
        """What was said; raises TranscriptError only after `cancel`."""
        if self._cancelled:
            raise TranscriptError("the transcript was called off")
        self._end_of_stretch()
        end_s = seconds(self._end_sample)  # the last frames may be of silence that was added
        words = tuple(replace(each, start=min(each.start, end_s), end=min(each.end, end_s)) for each in self._words)
        sure = [word.confidence for word in words if word.confidence is not None]
        return Transcription(
            " ".join(word.text for word in words),
            words,
            round(sum(sure) / len(sure), 4) if sure else None,
        )

    def cancel(self) -> None:
        """Nothing is held but memory."""
        self._cancelled = True

    def _end_of_stretch(self) -> None:
        self._pending += self._beam.finish()
        self._words += map(self._word, words_of(self._pending, self._model))
        self._pending = []
        self._beam = TextBeam(self._model.transducer, self._beam_size)

    def _word(self, emissions: Sequence[TextEmission]) -> SpokenWord:
        assert self._origin_sample is not None  # noqa: S101 - there are no tokens without frames
        first, last = emissions[0].frame, emissions[-1].frame
        return SpokenWord(
            "".join(self._model.tokenizer.pieces(e.token for e in emissions)).removeprefix(WORD_START),
            seconds(self._origin_sample + encoder_frame_start(first)),
            seconds(self._origin_sample + encoder_frame_start(last + 1)),
            round(math.exp(sum(e.log_prob for e in emissions) / len(emissions)), 4),
        )


def words_of(emissions: Sequence[TextEmission], model: Model) -> Iterator[list[TextEmission]]:
    """Tokens grouped by the words that they begin and continue."""
    word: list[TextEmission] = []
    for emission in emissions:
        if word and model.tokenizer.is_word_start(emission.token):
            yield word
            word = []
        word.append(emission)
    if word:
        yield word
