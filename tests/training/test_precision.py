"""In which precision networks are trained."""

import time
from typing import Any

import pytest

torch = pytest.importorskip("torch")

from training.precision import multiplies_bfloat16  # noqa: E402  (needs torch)


def seconds(kind: Any) -> float:
    """Least processor time of a product of the encoder's size."""
    left, right, times = torch.ones(1000, 192, dtype=kind), torch.ones(192, 384, dtype=kind), []
    for _ in range(5):
        before = time.process_time()
        left @ right
        times.append(time.process_time() - before)
    return min(times)


def test_bfloat16_is_taken_where_it_is_no_burden() -> None:
    assert multiplies_bfloat16("cuda")
    slower = seconds(torch.bfloat16) > 4 * seconds(torch.float32)
    assert not (slower and multiplies_bfloat16("cpu"))
