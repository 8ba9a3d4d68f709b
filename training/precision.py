"""In which precision a network is trained."""

import torch


def multiplies_bfloat16(device_type: str) -> bool:
    """Whether the device has instructions for bfloat16; one without (AVX2) took 5 to 17 times as long as in float32."""
    if device_type != "cpu":
        return True
    return torch.backends.mkldnn.is_available() and bool(torch.ops.mkldnn._is_mkldnn_bf16_supported())  # noqa: SLF001


def autocast(device_type: str, *, wanted: bool, cached: bool = True) -> torch.autocast:
    """bfloat16 where it is wanted and the device multiplies it."""
    return torch.autocast(
        device_type, torch.bfloat16, enabled=wanted and multiplies_bfloat16(device_type), cache_enabled=cached
    )
