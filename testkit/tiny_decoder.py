"""A causal language model of random weights over a few words, small enough to be trained through in a test."""

from collections.abc import Sequence
from pathlib import Path

import torch
from tokenizers import Tokenizer, models, pre_tokenizers
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

MARKS = ("<end>", "<unknown>")


def write_tiny_decoder(directory: Path, words: Sequence[str], size: int = 64, seed: int = 1) -> None:
    """What AutoModelForCausalLM and AutoTokenizer load."""
    torch.manual_seed(seed)
    tokenizer = Tokenizer(models.WordLevel({word: place for place, word in enumerate([*MARKS, *words])}, MARKS[1]))
    tokenizer.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, eos_token=MARKS[0], pad_token=MARKS[0], unk_token=MARKS[1]
    ).save_pretrained(directory)
    sizes = {"hidden_size": size, "intermediate_size": 2 * size, "vocab_size": len(MARKS) + len(words)}
    layers = {"num_hidden_layers": 2, "num_attention_heads": 4, "initializer_range": 0.1}
    ends = {"bos_token_id": 0, "eos_token_id": 0, "pad_token_id": 0}
    LlamaForCausalLM(LlamaConfig(**sizes, **layers, **ends)).save_pretrained(directory)
