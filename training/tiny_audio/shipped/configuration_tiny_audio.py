"""The configuration of a Tiny Audio model: two names, and the shape of what stands between them."""

from pathlib import Path
from typing import Any

from transformers import PretrainedConfig


class TinyAudioConfig(PretrainedConfig):
    """Read from config.json. `encoder` and `decoder` may be changed there; the projector has to fit them."""

    model_type = "tiny_audio"

    def __init__(
        self,
        encoder: str = "",
        decoder: str = "",
        *,
        encoder_size: int = 0,
        decoder_size: int = 0,
        projector_size: int = 1024,
        stack: int = 5,
        vocabulary_size: int = 0,
        mixed: bool = True,
        prompt: str = "Repeat this:{speech}",
        **others: Any,
    ) -> None:
        """All of it has defaults, as transformers wants it; without names nothing can be heard.

        Args:
            encoder: directory of a Whisper for transformers, or of a model of kwsd.
            decoder: directory of a causal language model, or a GGUF file of one. Both from the model's own directory
                on, where they are no absolute paths; a name that is nowhere on this machine is left to transformers.
            encoder_size: numbers in a frame of the encoder.
            decoder_size: numbers in a token's embedding.
            projector_size: numbers between the projector's two layers.
            stack: frames that become one token.
            vocabulary_size: tokens between which the projector decides what is said where, the first of them nothing;
                0: the decoder is given whatever the projector makes.
            mixed: what is said is given as a mixture of those tokens.
            prompt: what the decoder is asked; the speech stands at `{speech}`.
            others: what every configuration has.
        """
        self.encoder, self.decoder = encoder, decoder
        self.encoder_size, self.decoder_size = encoder_size, decoder_size
        self.projector_size, self.stack, self.prompt = projector_size, stack, prompt
        self.vocabulary_size, self.mixed = vocabulary_size, mixed
        super().__init__(**others)

    def get_text_config(self, *_: Any, **__: Any) -> "TinyAudioConfig":
        """Itself: transformers takes what is called `decoder` for a configuration, and here it is a name."""
        return self

    def place(self, name: str) -> str:
        """Where a part is that this configuration names."""
        beside = Path(self.name_or_path or ".") / Path(name).expanduser()
        return str(beside) if beside.exists() else name
