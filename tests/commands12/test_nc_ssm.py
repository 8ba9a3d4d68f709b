"""The recurrent network in NumPy against the same file in onnxruntime."""

import numpy as np
import pytest

from kwsd.commands12.frontend import BANDS
from kwsd.commands12.model import bundle_directory
from kwsd.commands12.nc_ssm import read_nc_ssm
from kwsd.commands12.networks import FrameNetwork
from kwsd.errors import ModelError


@pytest.mark.parametrize("name", ["nc-ssm-20k", "nc-ssm-12k", "nc-ssm-5k"])
def test_a_stretch_is_that_of_onnxruntime(name: str) -> None:
    """Something loud, then something soft, then something loud, of any spectrum."""
    path = bundle_directory() / f"{name}.onnx"
    theirs = FrameNetwork(path)
    generator = np.random.default_rng(3)
    size = 4 * theirs.block_frames
    levels = np.repeat([150.0, 40.0, 150.0, 90.0], theirs.block_frames)[:, None]
    frames = (levels + generator.uniform(0, 100, (size, BANDS))).astype(np.float32)
    wanted = np.concatenate([theirs.accept(block) for block in np.split(frames, 4)])
    found = read_nc_ssm(path).run(frames)
    np.testing.assert_allclose(found, wanted, atol=2e-5)
    assert wanted.std(axis=0).max() > 0.01


@pytest.mark.parametrize("name", ["ds-cnn", "bc-resnet-1"])
def test_other_networks_are_refused(name: str) -> None:
    with pytest.raises(ModelError, match="not a model of the nc-ssm engine"):
        read_nc_ssm(bundle_directory() / f"{name}.onnx")
