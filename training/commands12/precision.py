"""Where a network may run in bfloat16: a processor without the instructions takes five times as long as in float32."""

from collections.abc import Callable, Mapping

import torch

from training.commands12.models.registry import Recipe


def autocast(device_type: str, recipe: Recipe) -> torch.autocast:
    """bfloat16 where the recipe allows it and the device has it."""
    return torch.autocast(device_type, torch.bfloat16, enabled=recipe.bfloat16 and is_fast(device_type))


def is_fast(device_type: str) -> bool:
    """Whether the device multiplies bfloat16 itself."""
    told: Callable[[], Mapping[str, bool]] = getattr(
        torch.cpu, "get_capabilities", dict
    )  # an earlier torch cannot tell
    return device_type == "cuda" or told().get("avx512_bf16", False)
