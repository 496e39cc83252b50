"""What training begins with."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from dmlbench.models.bn_inception import BNInception
from dmlbench.models.torchvision_schemas import ensure_torchvision_imports
from dmlbench.training.trunks import freeze_batch_norm, starting_network
from dmldata.common.errors import ModelError

TINY = "timm:test_resnet?pretrained=false"


def equal(one, two):
    pairs = zip(one.state_dict().items(), two.state_dict().items(), strict=True)
    return all(name == other and torch.equal(a, b) for (name, a), (other, b) in pairs)


def test_the_seed_decides_the_embedder_and_the_reference_the_trunk():
    one, two, three = (
        starting_network(f"{TINY}&seed=5", 8, seed, None).network for seed in (1, 1, 2)
    )
    assert equal(one, two)
    assert equal(one.trunk, three.trunk)
    assert not equal(one.embedder, three.embedder)


def test_a_random_trunk_is_the_seeds_and_has_no_weights():
    reference = "timm:test_resnet?weights=no.pth"
    one, two, three = (
        starting_network(reference, 8, seed, 64, random=True).network for seed in (1, 1, 2)
    )
    assert equal(one.trunk, two.trunk)
    assert not equal(one.trunk, three.trunk)


@pytest.fixture(scope="module")
def weights(tmp_path_factory):
    """BN-Inception as ports from Caffe have it: a classifier, vectors as [1, C], no counters."""
    torch.manual_seed(4)
    net = BNInception()
    state = {name: value for name, value in net.state_dict().items() if "num_batches" not in name}
    state = {name: value[None] if "_bn." in name else value for name, value in state.items()}
    state |= {"last_linear.weight": torch.zeros(1000, 1024), "last_linear.bias": torch.zeros(1000)}
    path = tmp_path_factory.mktemp("weights") / "bn_inception.pth"
    torch.save(state, path)
    return path, net


def test_bn_inception_takes_its_weights_and_the_preprocessing_of_the_paper(weights):
    path, net = weights
    start = starting_network(f"bn_inception?weights={path}", 128, 0, None)
    assert equal(start.network.trunk, net)
    assert start.trunk == "bn_inception"
    assert (start.preprocessing.bgr, start.preprocessing.scale) == (True, 255)
    assert start.preprocessing.input_size == (227, 227)
    smaller = starting_network(f"bn_inception?weights={path}", 128, 0, 128)
    assert smaller.preprocessing.resize == (144, 144)
    with torch.no_grad():
        assert smaller.network.eval()(torch.zeros(1, 3, 128, 128)).shape == (1, 128)


def test_weights_of_another_network_are_refused(tmp_path):
    torch.save({"conv.weight": torch.zeros(3)}, tmp_path / "w.pth")
    with pytest.raises(ModelError, match=r"weights 'w\.pth': .* missing"):
        starting_network(f"bn_inception?weights={tmp_path / 'w.pth'}", 128, 0, None)


@pytest.mark.parametrize("option", ["head=keep", "embedder=E"])
def test_a_trunk_that_its_name_does_not_make_again_is_refused_before_it_is_trained(
    tmp_path, option
):
    ensure_torchvision_imports()
    whole = pytest.importorskip("timm").create_model(
        "test_resnet", num_classes=10 if option == "head=keep" else 0
    )
    torch.save(whole.state_dict(), tmp_path / "w.pth")
    torch.save(nn.Linear(whole.num_features, 8).state_dict(), tmp_path / "e.pth")
    option = option.replace("E", str(tmp_path / "e.pth"))
    with pytest.raises(ModelError, match="could not be loaded again by the name 'timm:test_resnet"):
        starting_network(f"timm:test_resnet?weights={tmp_path / 'w.pth'}&{option}", 8, 0, 32)


def test_frozen_batch_norm_keeps_its_statistics_in_training():
    network = starting_network(TINY, 8, 0, 32).network.train()
    freeze_batch_norm(network)
    before = {name: value.clone() for name, value in network.state_dict().items()}
    network(torch.randn(4, 3, 32, 32)).sum().backward()
    assert all(torch.equal(before[name], value) for name, value in network.state_dict().items())
    assert all(one.requires_grad for one in network.parameters())
