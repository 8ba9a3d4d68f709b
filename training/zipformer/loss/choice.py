"""Which code sums over alignments: a kernel or a compiled loop that agrees with the reference, else the reference."""

import torch

from training.zipformer.loss import lattice, lattice_loop

TOLERANCE = 1e-4


def fastest_sums(device: torch.device) -> lattice.Sums:
    """Choose for a device, and say why where it is the reference: the kernel on a GPU, the loop on a CPU."""
    if device.type not in {"cuda", "cpu"}:
        return lattice.all_alignments
    try:
        if device.type == "cuda":
            from training.zipformer.loss import lattice_kernel  # noqa: PLC0415  (needs Triton, which only a GPU wants)

            sums: lattice.Sums = lattice_kernel.all_alignments
        else:
            sums = lattice_loop.all_alignments
        difference = disagreement(sums, device)
    except Exception as error:  # noqa: BLE001 - whatever a compiler of kernels may fail of, training goes on
        print(f"alignments are summed step by step, for the kernel failed: {error!r}")
        return lattice.all_alignments
    if not difference < TOLERANCE:
        print(f"alignments are summed step by step, for the kernel is wrong by {difference:.2g}")
        return lattice.all_alignments
    return sums


def disagreement(sums: lattice.Sums, device: torch.device) -> float:
    """Give the largest difference to the reference on lattices of many lengths, one of them empty."""
    chance = torch.Generator().manual_seed(0)
    blank, emit = (torch.randn(24, 50, 37, generator=chance).mul(2.0).sub(3.0).to(device) for _ in range(2))
    frames = torch.randint(20, 51, (24,), generator=chance)
    frames[0], frames[1] = 0, 50
    tokens = torch.minimum(torch.randint(0, 37, (24,), generator=chance), frames)
    placed = frames.to(device), tokens.to(device)
    ours, theirs = sums(blank, emit, *placed), lattice.all_alignments(blank, emit, *placed)
    apart = [(a - b).abs().max() / b.abs().max() for a, b in zip(ours, theirs, strict=True)]
    return float(torch.stack([each.double() for each in apart]).max())
