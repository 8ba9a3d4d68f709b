"""The model's own transcriber: what was said with times, however the sound is cut, and no word from phones."""

from pathlib import Path

import numpy as np
import pytest

from kwsd.acoustic.model import Model
from kwsd.acoustic.stream import AcousticStream
from kwsd.errors import TranscriptError
from kwsd.search.text_beam import KEPT_TOKENS
from kwsd.stream import NO_SAMPLES, Chunk, Float32
from kwsd.transcripts.interface import Transcription
from kwsd.transcripts.transducer import TransducerTranscriber
from testkit.tiny_model import silence, speak


def transcribed(model: Model, sound: Float32, block: int, start: int = 0) -> Transcription:
    stream, transcriber = AcousticStream(model), TransducerTranscriber(model)
    for at in range(0, len(sound), block):
        chunk = Chunk(start + at, sound[at : at + block], "")
        transcriber.push(chunk, stream.push(chunk))
    transcriber.push(Chunk(start + len(sound), NO_SAMPLES, ""), stream.finish())
    return transcriber.finish()


def test_words_come_with_times_and_confidence(tiny_model_dir: Path) -> None:
    model = Model.load(tiny_model_dir)
    sound = np.concatenate([silence(1.0), speak("LIGHTS ON"), silence(1.0), speak("STOP"), silence(0.5)])
    told = transcribed(model, sound, 5_120, start=160_000)
    assert told.text == "LIGHTS ON STOP"
    assert [word.text for word in told.words] == ["LIGHTS", "ON", "STOP"]
    starts = [word.start for word in told.words]
    assert starts == sorted(starts)
    assert 10.9 < starts[0] < 11.6
    second = 11.0 + len(speak("LIGHTS ON")) / 16_000 + 1.0
    assert second - 0.1 < starts[2] < second + 0.6
    assert all(word.end > word.start and word.confidence is not None and word.confidence > 0.9 for word in told.words)
    assert told.confidence is not None
    assert told.confidence > 0.9


def test_no_word_ends_behind_the_sound(tiny_model_dir: Path) -> None:
    """At the end of a recording the model is given silence, and may write the last word's last piece only there."""
    model = Model.load(tiny_model_dir)
    stream, transcriber = AcousticStream(model), TransducerTranscriber(model)
    sound = np.concatenate([silence(0.5), speak("LIGHTS ON"), silence(0.5)])
    frames = [*stream.push(Chunk(0, sound, "")), *stream.finish()]
    transcriber.push(Chunk(0, sound[:8_000], ""), frames)
    transcriber.push(
        Chunk(8_000, sound[8_000:14_000], ""), ()
    )  # as in an order, whose frames come with its first chunk
    assert [(word.start, word.end) for word in transcriber.finish().words] == [(0.56, 0.8), (0.875, 0.875)]


@pytest.mark.parametrize("block", [160, 1_000, 100_000])
def test_how_sound_is_cut_makes_no_difference(tiny_model_dir: Path, block: int) -> None:
    model = Model.load(tiny_model_dir)
    sound = np.concatenate([speak("LIGHTS ON"), silence(0.3), speak("STOP"), silence(0.7)])
    assert transcribed(model, sound, block) == transcribed(model, sound, 5_120)


def test_an_hour_takes_no_more_memory_than_a_minute(tiny_model_dir: Path) -> None:
    """What is searched is bounded: a text far longer than what is kept comes out whole."""
    model = Model.load(tiny_model_dir)
    phrases = 2 * KEPT_TOKENS // 4
    sound = np.concatenate([np.concatenate([speak("LIGHTS ON"), silence(0.2)])] * phrases)
    stream, transcriber = AcousticStream(model), TransducerTranscriber(model)
    for at in range(0, len(sound), 5_120):
        chunk = Chunk(at, sound[at : at + 5_120], "")
        transcriber.push(chunk, stream.push(chunk))
        assert len(transcriber._beam.best.emissions) <= KEPT_TOKENS
    transcriber.push(Chunk(len(sound), NO_SAMPLES, ""), stream.finish())
    assert transcriber.finish().text == " ".join(["LIGHTS ON"] * phrases)


def test_a_gap_ends_a_word_and_silence_says_nothing(tiny_model_dir: Path) -> None:
    model = Model.load(tiny_model_dir)
    assert transcribed(model, silence(2.0), 5_120) == Transcription("")
    stream, transcriber = AcousticStream(model), TransducerTranscriber(model)
    for start in (0, 320_000):
        chunk = Chunk(start, np.concatenate([speak("STOP"), silence(1.0)]), "")
        transcriber.push(chunk, stream.push(chunk))
    told = transcriber.finish()
    assert told.text == "STOP STOP"
    assert told.words[1].start > 20


def test_phones_are_refused_and_a_cancelled_one_has_no_text(tiny_model_dir: Path) -> None:
    with pytest.raises(TranscriptError, match=r"hears phones.*--model gigaspeech"):
        TransducerTranscriber(Model.load("kwsd-en"))
    transcriber = TransducerTranscriber(Model.load(tiny_model_dir))
    transcriber.cancel()
    with pytest.raises(TranscriptError, match="called off"):
        transcriber.finish()
