"""Grey values to numbers around zero; part of every network, so that models take pictures as they are."""

from torch import Tensor

CENTRE, SPREAD = 100.0, 60.0  # grey levels: about the mean and standard deviation of the training pictures


def centred(grey: Tensor) -> Tensor:
    """Grey values 0 to 255 → about -1.7 to 2.6."""
    return (grey - CENTRE) / SPREAD
