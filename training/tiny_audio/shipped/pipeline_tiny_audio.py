"""The pipeline for `automatic-speech-recognition`: one sound or a list, of any rate and length → {"text": …}."""

from collections.abc import Iterator, Sequence
from typing import Any

from transformers import Pipeline

from training.tiny_audio.shipped.processing_tiny_audio import TinyAudioProcessor, padded, pieces, read_sound

BATCH = 8
"""Pieces that are decoded together where nobody says otherwise."""
SHORTEST = 400
"""Samples, 25 ms: less holds no frame, and is silence."""


class TinyAudioPipeline(Pipeline):
    """Loaded by transformers.pipeline. Long sound is cut in pauses, and pieces of like length are decoded together."""

    _load_processor = _load_image_processor = _load_feature_extractor = _load_tokenizer = False
    _pipeline_calls_generate = False

    def __init__(self, model: Any, **others: Any) -> None:
        super().__init__(model=model, **others)
        self.sounds = TinyAudioProcessor(self.model.tokenizer)
        self.tokenizer = self.model.tokenizer

    def __call__(self, inputs: Any, **options: Any) -> Any:
        """Transcribe.

        Args:
            inputs: a path, the bytes of a file, samples at 16 kHz, {"raw": samples, "sampling_rate": Hz} or
                {"array": …, "sampling_rate": Hz}; or a list or iterator of these, for a list of results.
            options: batch_size (pieces that are decoded together), chunk_length_s (longest piece), and what the
                decoder's `generate` takes: num_beams, max_new_tokens …, plainly or as generate_kwargs.
        """
        batch_size = options.pop("batch_size", None) or self._batch_size or BATCH
        first, forward, _ = self._sanitize_parameters(**options)
        longest_s = {**self._preprocess_params, **first}.get("longest_s", self.model.encoder.longest_s)
        forward = {**self._forward_params, **forward}
        several = isinstance(inputs, list | tuple | Iterator)
        sounds = [read_sound(each) for each in (inputs if several else [inputs])]
        parts = [(owner, piece) for owner, sound in enumerate(sounds) for piece in pieces(sound, longest_s)]
        texts = [""] * len(parts)
        order = [place for place in self._by_length(parts) if len(parts[place][1]) >= SHORTEST]
        for start in range(0, len(order), batch_size):
            places = order[start : start + batch_size]
            told = self.forward(padded([parts[place][1] for place in places]), **forward)
            for place, text in zip(places, self.postprocess(told), strict=True):
                texts[place] = text
        joined: list[list[str]] = [[] for _ in sounds]
        for (owner, _), text in zip(parts, texts, strict=True):
            joined[owner] += [text] if text else []
        results = [{"text": " ".join(each)} for each in joined]
        return results if several else results[0]

    def _by_length(self, parts: Sequence[tuple[int, Any]]) -> list[int]:
        return sorted(range(len(parts)), key=lambda place: -len(parts[place][1]))

    def _sanitize_parameters(
        self, chunk_length_s: Any = None, generate_kwargs: Any = None, return_timestamps: Any = None, **options: Any
    ) -> tuple[dict[str, Any], dict[str, Any], dict[str, Any]]:
        if return_timestamps:
            raise ValueError("return_timestamps: this model does not know when words are said")
        for name in ("stride_length_s", "ignore_warning"):  # pieces are cut in pauses, and do not overlap
            options.pop(name, None)
        first = {"longest_s": min(float(chunk_length_s), self.model.encoder.longest_s)} if chunk_length_s else {}
        return first, {**options, **(generate_kwargs or {})}, {}

    def preprocess(self, input_: Any, **_: Any) -> dict[str, Any]:
        """One sound, whole."""
        return padded([read_sound(input_)])

    def _forward(self, input_tensors: dict[str, Any], **options: Any) -> Any:
        return {"tokens": self.model.generate(**input_tensors, **options)}

    def postprocess(self, model_outputs: dict[str, Any], **_: Any) -> list[str]:
        """The texts of a batch."""
        return self.sounds.batch_decode(model_outputs["tokens"])
