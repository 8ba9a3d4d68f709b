"""Whisper by CTranslate2, to compare: the same weights before our conversion. Imports ctranslate2, transformers."""

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from kwsd.stream import Chunk, Frames
from kwsd.timebase import SAMPLE_RATE
from kwsd.transcripts.interface import Transcription
from kwsd.transcripts.utterance import Utterance

LONGEST_TEXT = 448
BEAM = 5  # as a pipeline of transformers has it where nobody says otherwise
PROMPT = ("<|startoftranscript|>", "<|notimestamps|>")


def whisper_maker(directory: Path, kind: str) -> Callable[[], "WhisperTranscriber"]:
    """Makes a transcriber for each utterance; with weights of this `kind`, such as int8."""
    import ctranslate2  # noqa: PLC0415 - who compares has it
    from tokenizers import Tokenizer  # noqa: PLC0415 - likewise
    from transformers import WhisperFeatureExtractor  # noqa: PLC0415 - likewise

    network = ctranslate2.models.Whisper(str(directory), compute_type=kind)
    tokenizer, features = Tokenizer.from_file(str(directory / "tokenizer.json")), WhisperFeatureExtractor()
    prompt = [tokenizer.token_to_id(token) for token in PROMPT]

    def text_of(utterance: Utterance) -> str:
        heard = features(utterance.samples(), sampling_rate=SAMPLE_RATE, return_tensors="np")["input_features"]
        view = ctranslate2.StorageView.from_array(np.ascontiguousarray(heard, np.float32))
        (found,) = network.generate(view, [prompt], beam_size=BEAM, max_length=LONGEST_TEXT)
        return str(tokenizer.decode(found.sequences_ids[0]))

    return lambda: WhisperTranscriber(text_of)


class WhisperTranscriber:
    """One utterance."""

    def __init__(self, text_of: Callable[[Utterance], str]) -> None:
        self._text_of = text_of
        self._utterance = Utterance()

    def push(self, chunk: Chunk, frames: Sequence[Frames]) -> None:  # noqa: ARG002 - it hears the sound itself
        """Keep the sound."""
        self._utterance.push(chunk)

    def finish(self) -> Transcription:
        """What was said."""
        return Transcription(self._text_of(self._utterance).strip())

    def cancel(self) -> None:
        """Nothing is under way."""
