"""BN-Inception: the names of its tensors, and what it computes."""

import numpy as np
import pytest
import torch

from dmlbench.models.bn_inception import BNInception


def fill(network):
    """Every tensor drawn from one seeded generator, in the order of the state dict."""
    rng = np.random.default_rng(0)
    for name, tensor in network.state_dict().items():
        if not tensor.is_floating_point():
            continue
        drawn = torch.from_numpy(rng.standard_normal(tuple(tensor.shape)))
        if name.endswith("running_var"):
            drawn = drawn.abs() + 0.5
        elif tensor.ndim == 4:
            drawn = drawn * (2 / tensor[0].numel()) ** 0.5
        tensor.copy_(drawn)


def test_features_are_those_of_the_network_that_the_released_weights_were_ported_to():
    network = BNInception().double().eval()
    fill(network)
    pixels = torch.arange(3 * 227 * 227, dtype=torch.float64)
    with torch.no_grad():
        (features,) = network(torch.sin(pixels * 0.37).reshape(1, 3, 227, 227))
    # Measured once with the class BNInception of the package pretrainedmodels 0.7.4: features of
    # each branch of the last block, and their mean and standard deviation.
    assert features[[0, 352, 672, 896, 1023]].tolist() == pytest.approx(
        [3.687315269840, 3.515287483586, 4.520121161199, 13.475753269042, 1.850001359112]
    )
    assert features.mean().item() == pytest.approx(2.0381, abs=1e-4)
    assert features.std().item() == pytest.approx(3.6764, abs=1e-4)


def test_tensors_are_named_after_the_caffe_layers():
    state = BNInception().state_dict()
    assert len(state) == 483
    assert next(iter(state)) == "conv1_7x7_s2.weight"
    assert state["inception_4e_double_3x3_2.weight"].shape == (256, 256, 3, 3)
    assert "inception_3c_1x1.weight" not in state
    assert "inception_5b_pool_proj_bn.num_batches_tracked" in state


def test_any_input_size_from_64_pixels_is_pooled_to_1024_features():
    network = BNInception().eval()
    with torch.no_grad():
        assert network(torch.zeros(2, 3, 64, 96)).shape == (2, 1024)
