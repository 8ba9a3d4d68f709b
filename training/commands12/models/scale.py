"""Grey values to numbers around zero; part of every network, so that models take pictures as they are."""

from torch import Tensor

from kwsd.commands12.nc_ssm import CENTRE, SPREAD


def centred(grey: Tensor) -> Tensor:
    """Grey values 0 to 255 → about -1.7 to 2.6."""
    return (grey - CENTRE) / SPREAD
