"""Tiny Audio: frozen encoder, projector, frozen language model. Only the projector learns and is stored."""

import copy
import warnings
from collections.abc import Sequence
from inspect import signature
from pathlib import Path
from typing import Any

import torch
import transformers
from safetensors.torch import load_file, save_file
from torch import nn
from torch.nn.utils.rnn import pad_sequence
from transformers import AutoModelForCausalLM, AutoTokenizer, DynamicCache, PreTrainedModel
from transformers.utils import cached_file

from training.tiny_audio.shipped.configuration_tiny_audio import TinyAudioConfig
from training.tiny_audio.shipped.encoders_tiny_audio import RATE_HZ, open_encoder

WEIGHTS = "model.safetensors"
SPEECH = "{speech}"
SHARPNESS = 2.0
"""Of `likeness`."""
REPEATED = 4
"""Tokens that are not written twice in the same order: a decoder that hears nothing more repeats itself for ever."""
TOKENS_PER_S, TOKENS_AT_LEAST = 8, 16
"""A decoder that repeats itself for ever is stopped where no speaker would be by then."""


class Projector(nn.Module):
    """Frames, stacked → embeddings as the decoder's tokens have them, by two linear layers."""

    def __init__(self, config: TinyAudioConfig) -> None:
        super().__init__()
        self.stack = config.stack
        self.first = nn.Linear(config.stack * config.encoder_size, config.projector_size)
        self.last = nn.Linear(config.projector_size, config.decoder_size)
        self.register_buffer(
            "vocabulary", torch.zeros(config.vocabulary_size, dtype=torch.long), bool(config.vocabulary_size)
        )

    def forward(self, frames: Sequence[torch.Tensor]) -> list[torch.Tensor]:
        """Frames (T, C) of each utterance → (⌈T / stack⌉, D); what lacks behind the last frame is zeros."""
        counts = [-(-len(each) // self.stack) for each in frames]
        padded = pad_sequence(list(frames), batch_first=True)
        padded = nn.functional.pad(padded, (0, 0, 0, max(counts) * self.stack - padded.shape[1]))
        stacked = padded.reshape(len(frames), max(counts), -1)
        made = self.last(nn.functional.gelu(self.first(stacked)))
        return [each[:count] for each, count in zip(made, counts, strict=True)]


def likeness(made: torch.Tensor, embeddings: torch.Tensor) -> torch.Tensor:
    """How near (…, D) is to each of (V, D), as logits: squared distances, what all have in common left out."""
    return SHARPNESS * (2 * made @ embeddings.T - (embeddings * embeddings).sum(-1))


def said(made: torch.Tensor, embeddings: torch.Tensor, *, mixed: bool) -> torch.Tensor:
    """Of what the projector made (T, D) what is said: a vector for each run that is nearest to one token.

    Most of ten vectors a second say nothing. Those that say something lie beyond a token rather than on it, away from
    all others (CTC, Graves 2006), where no decoder would know it.

    Args:
        made: by the projector.
        embeddings: of the tokens, the first of them that for nothing.
        mixed: give the mean of all tokens' embeddings, each weighted by how likely it is, and not the vector itself.
    """
    with torch.no_grad():
        nearest = likeness(made, embeddings).argmax(-1)
        begins = torch.ones_like(nearest, dtype=torch.bool)
        begins[1:] = nearest[1:] != nearest[:-1]
        run = begins.cumsum(0) - 1
        lengths = torch.bincount(run)
    means = made.new_zeros(len(lengths), made.shape[1]).index_add(0, run, made) / lengths[:, None]
    left, tokens = means[nearest[begins] != 0], embeddings[1:]
    return likeness(left, tokens).softmax(-1) @ tokens if mixed else left


def open_tokenizer(where: str) -> Any:
    """Of a language model, from its directory or GGUF file."""
    folder, options = _parted(where)
    return AutoTokenizer.from_pretrained(folder, **options)


def open_decoder(where: str, dtype: torch.dtype = torch.float32) -> tuple[Any, Any]:
    """The language model and its tokenizer, from a directory or a GGUF file."""
    folder, options = _parted(where)
    packed = getattr(transformers, "GgufConfig", None)  # newer ones leave the weights of a GGUF packed, which is slow
    if options and packed:
        options["quantization_config"] = packed(dequantize=True)
    model = AutoModelForCausalLM.from_pretrained(folder, dtype=dtype, **options).eval().requires_grad_(False)
    return model, open_tokenizer(where)


def _parted(where: str) -> tuple[str, dict[str, Any]]:
    """Directory, and what transformers wants to be told where the model is a file in it."""
    return (str(Path(where).parent), {"gguf_file": Path(where).name}) if where.endswith(".gguf") else (where, {})


class TinyAudio(PreTrainedModel):
    """Sound in, tokens of the decoder out."""

    config_class = TinyAudioConfig
    main_input_name = "input_values"
    input_modalities = ("audio",)

    def __init__(self, config: TinyAudioConfig) -> None:
        super().__init__(config)
        self.projector = Projector(config)
        self.encoder: Any = None
        self.decoder: Any = None
        self.tokenizer: Any = None  # what comes from elsewhere is there after `open_parts`
        self.post_init()

    def _init_weights(self, module: nn.Module) -> None:
        """Those of torch are meant."""

    @classmethod
    def from_pretrained(
        cls, pretrained_model_name_or_path: str, *_: Any, config: Any = None, dtype: Any = None, **others: Any
    ) -> "TinyAudio":
        """The projector from its own directory, the parts from where its configuration says."""
        where = pretrained_model_name_or_path
        known = {
            name: others[name] for name in ("revision", "token", "local_files_only") if others.get(name) is not None
        }
        config = config or TinyAudioConfig.from_pretrained(where, **known)
        model = cls(config)
        model.open_parts(dtype if isinstance(dtype, torch.dtype) else torch.float32)
        weights = load_file(cached_file(where, WEIGHTS, **known))
        model.projector.load_state_dict({name.removeprefix("projector."): each for name, each in weights.items()})
        model.eval()
        return model

    def save_pretrained(self, save_directory: str | Path, **_: Any) -> None:
        """Write the configuration and the projector; the parts stay where they are."""
        self.config.save_pretrained(save_directory)
        weights = {f"projector.{name}": each.contiguous() for name, each in self.projector.state_dict().items()}
        save_file(weights, Path(save_directory) / WEIGHTS, {"format": "pt"})

    def open_parts(self, dtype: torch.dtype = torch.float32) -> None:
        """Open encoder and decoder. Raises ValueError: the projector fits them not."""
        self.encoder = open_encoder(self.config.place(self.config.encoder))
        self.set_decoder(*open_decoder(self.config.place(self.config.decoder), dtype))
        if self.encoder.size != self.config.encoder_size:
            raise ValueError(
                f"encoder: {self.config.encoder}: has {self.encoder.size} numbers in a frame, and the projector was"
                f" trained on {self.config.encoder_size}; train one for it"
            )

    def set_decoder(self, decoder: Any, tokenizer: Any) -> None:
        """Take a decoder that is open. Raises ValueError: the projector does not fit it."""
        self.decoder, self.tokenizer = decoder, tokenizer
        size = decoder.get_input_embeddings().embedding_dim
        if size != self.config.decoder_size:
            raise ValueError(
                f"decoder: {self.config.decoder}: has embeddings of {size} numbers, and the projector was trained for"
                f" {self.config.decoder_size}; train one for it"
            )
        if self.config.prompt.count(SPEECH) != 1:
            raise ValueError(f"prompt: {self.config.prompt!r}: has to say once where the speech stands, as {SPEECH}")
        self._around = [
            tokenizer(text, add_special_tokens=False).input_ids for text in self.config.prompt.split(SPEECH)
        ]
        self._begun: Any = None

    def embedded(self, ids: Sequence[int] | torch.Tensor) -> torch.Tensor:
        """Embeddings (n, D) of tokens."""
        table = self.decoder.get_input_embeddings()
        embeddings: torch.Tensor = table(torch.as_tensor(ids, dtype=torch.long, device=table.weight.device))
        return embeddings

    def asked(self, made: Sequence[torch.Tensor]) -> list[torch.Tensor]:
        """What the projector made of each utterance, and the prompt behind it, as embeddings (n, D)."""
        after = self.embedded(self._around[1])
        if len(self.projector.vocabulary):
            embeddings = self.embedded(self.projector.vocabulary).float()
            made = [said(each, embeddings, mixed=self.config.mixed) for each in made]
        return [torch.cat([each.to(after.dtype), after]) for each in made]

    @torch.no_grad()
    def _before(self, count: int) -> dict[str, Any]:
        """The decoder's state behind the prompt's beginning, which is the same for all: computed once."""
        network = self.decoder.base_model
        name = "cache" if "cache" in signature(network.forward).parameters else "past_key_values"  # older ones
        if self._begun is None:
            self._begun = DynamicCache()
            network(inputs_embeds=self.embedded(self._around[0])[None], use_cache=True, **{name: self._begun})
        begun = copy.deepcopy(self._begun)
        begun.batch_repeat_interleave(count)
        return {name: begun}

    def forward(self, made: Sequence[torch.Tensor], labels: Sequence[Sequence[int]]) -> torch.Tensor:
        """Loss of each utterance's tokens, its end among them: their mean in nats. `made` is the projector's."""
        told = [self.embedded(ids) for ids in labels]
        asked = self.asked(made)
        whole = pad_sequence([torch.cat(pair) for pair in zip(asked, told, strict=True)], batch_first=True)
        lengths = torch.tensor([len(ask) + len(ids) for ask, ids in zip(asked, labels, strict=True)])
        known = len(self._around[0])
        mask = torch.arange(known + whole.shape[1])[None] < known + lengths[:, None]
        begun = self._before(len(asked)) if known else {}
        hidden = self.decoder.base_model(
            inputs_embeds=whole, attention_mask=mask.to(whole.device), use_cache=False, **begun
        ).last_hidden_state
        before = [
            each[len(ask) - 1 : len(ask) - 1 + len(ids)]  # the state before a token tells it
            for each, ask, ids in zip(hidden, asked, labels, strict=True)
        ]
        logits = self.decoder.get_output_embeddings()(torch.cat(before)).float()
        wanted = torch.tensor([token for ids in labels for token in ids], device=logits.device)
        return nn.functional.cross_entropy(logits, wanted)

    @torch.no_grad()
    def generate(self, input_values: torch.Tensor, lengths: torch.Tensor | None = None, **options: Any) -> torch.Tensor:
        """Tokens that the decoder writes, as its own `generate` gives them and with its options.

        Args:
            input_values: sound at 16 kHz (B, N).
            lengths: samples of each (B,); all of them where it is None.
            options: num_beams, max_new_tokens and whatever else the decoder's `generate` knows.
        """
        counts = [input_values.shape[1]] * len(input_values) if lengths is None else lengths.tolist()
        sounds = [each[:count].cpu().numpy() for each, count in zip(input_values, counts, strict=True)]
        before = self.embedded(self._around[0])
        frames = [each.to(self.projector.first.weight) for each in self.encoder.encode(sounds)]
        asked = [torch.cat([before, each]) for each in self.asked(self.projector(frames))]
        longest = max(map(len, asked))
        padded = torch.stack([nn.functional.pad(each, (0, 0, longest - len(each), 0)) for each in asked])
        mask = torch.stack([(torch.arange(longest) >= longest - len(each)).long() for each in asked])
        if "max_new_tokens" not in options and "max_length" not in options and "generation_config" not in options:
            options["max_new_tokens"] = TOKENS_AT_LEAST + TOKENS_PER_S * max(counts) // RATE_HZ
        options.setdefault("no_repeat_ngram_size", REPEATED)
        ends = {"eos_token_id": self.tokenizer.eos_token_id, "pad_token_id": self.tokenizer.eos_token_id}
        with warnings.catch_warnings():  # that the prompt may be repeated, which is what is wanted
            warnings.filterwarnings("ignore", message="Passing `no_repeat_ngram_size`")
            made: torch.Tensor = self.decoder.generate(
                inputs_embeds=padded, attention_mask=mask.to(padded.device), **{**ends, "do_sample": False, **options}
            )
        return made
