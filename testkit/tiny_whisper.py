"""A Whisper of random weights, small enough for a test of the real pipeline. Imports transformers."""

import json
from pathlib import Path

import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers
from transformers import GenerationConfig, WhisperConfig, WhisperFeatureExtractor, WhisperForConditionalGeneration

SPECIAL = ("<|endoftext|>", "<|startoftranscript|>", "<|startofprev|>", "<|notimestamps|>")
SEED = 1
"""Of the weights; other ones write other signs, some of them such as no transcript may have."""
TIMESTAMPS = 1501
"""Tokens for 0.00 to 30.00 s."""


def write_tiny_whisper(directory: Path, spread: float = 0.02) -> None:
    """What `transformers.pipeline` loads for speech recognition, always the same; `spread` is that of its weights."""
    torch.manual_seed(SEED)
    letters = sorted(pre_tokenizers.ByteLevel.alphabet())
    tokenizer = Tokenizer(models.BPE({letter: number for number, letter in enumerate(letters)}, []))
    tokenizer.pre_tokenizer, tokenizer.decoder = pre_tokenizers.ByteLevel(), decoders.ByteLevel()
    tokenizer.add_special_tokens([*SPECIAL, *(f"<|{number * 0.02:.2f}|>" for number in range(TIMESTAMPS))])
    end, start, before, silent = (tokenizer.token_to_id(token) for token in SPECIAL)
    ids = {"bos_token_id": end, "eos_token_id": end, "pad_token_id": end, "decoder_start_token_id": start}
    layers = {f"{side}_{what}": 1 for side in ("encoder", "decoder") for what in ("layers", "attention_heads")}
    sizes = {"d_model": 16, "encoder_ffn_dim": 16, "decoder_ffn_dim": 16, "vocab_size": tokenizer.get_vocab_size()}
    model = WhisperForConditionalGeneration(WhisperConfig(**layers, **sizes, **ids, init_std=spread))
    model.generation_config = GenerationConfig(
        **ids,
        max_length=24,
        no_timestamps_token_id=silent,
        prev_sot_token_id=before,
        alignment_heads=[[0, 0]],
        is_multilingual=False,
    )
    model.save_pretrained(directory)
    WhisperFeatureExtractor(feature_size=80).save_pretrained(directory)
    tokenizer.save(str(directory / "tokenizer.json"))
    marks = dict.fromkeys(("bos_token", "eos_token", "pad_token", "unk_token"), SPECIAL[0])
    (directory / "tokenizer_config.json").write_text(json.dumps({"tokenizer_class": "WhisperTokenizer", **marks}))
