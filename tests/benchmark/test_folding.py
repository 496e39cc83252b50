"""Batch normalization folded into convolutions, and input gradients of convolutions in bf16."""

import dataclasses

import numpy as np
import pytest
import torch
from PIL import Image
from torch import nn
from torch.nn import functional as F
from torch.nn.modules.batchnorm import _BatchNorm

from dmlbench.losses import squared_euclidean
from dmlbench.maps import pearson
from dmlbench.models import load_model
from dmlbench.models.bn_inception import BNInception
from dmlbench.models.folding import folded_for_training, folded_network
from dmlbench.saliency import randomized_copies, resolve_precision, smoothgrad_paper
from dmlbench.saliency.bf16_gradients import bf16_gradients


def with_statistics(network):
    """Give each normalization statistics and weights of its own, as after training."""
    torch.manual_seed(0)
    with torch.no_grad():
        for module in network.modules():
            if isinstance(module, _BatchNorm):
                module.running_mean.normal_(0, 0.2)
                module.running_var.uniform_(0.5, 2)
                if module.affine:
                    module.weight.uniform_(0.5, 1.5)
                    module.bias.normal_(0, 0.2)
    return network.eval()


def normalizations(network):
    return sum(isinstance(module, _BatchNorm) for module in network.modules())


@pytest.mark.parametrize("name", ["test_resnet", "test_efficientnet"])
def test_folded_network_of_timm_gives_the_same_maps(name):
    loaded = load_model(f"timm:{name}?pretrained=false", input_size=64)
    with_statistics(loaded.model)
    assert normalizations(loaded.model) > normalizations(loaded.folded) == 0
    rng = np.random.default_rng(0)
    image = Image.fromarray(rng.integers(0, 256, (64, 64, 3), np.uint8))
    tensors = loaded.preprocessing.to_tensor(image)[None]
    reference = loaded.model(torch.zeros_like(tensors)).detach()
    plain = smoothgrad_paper(loaded.model, tensors, reference, squared_euclidean, keys=["a"])
    folded = smoothgrad_paper(loaded.folded, tensors, reference, squared_euclidean, keys=["a"])
    assert not torch.equal(plain, folded)
    assert pearson(plain.numpy(), folded.numpy()).min() > 0.9999


def test_bn_inception_is_folded_and_left_as_it_was():
    network = with_statistics(BNInception())
    before = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    images = torch.rand(2, 3, 64, 64)
    folded = folded_network(network, images[:1])
    assert normalizations(folded) == 0
    assert torch.allclose(folded(images), network(images), rtol=1e-4, atol=1e-5)
    assert normalizations(network) == 69
    assert all(torch.equal(tensor, before[name]) for name, tensor in network.state_dict().items())


class TwoReaders(nn.Module):
    """The output of the convolution is read twice: normalized, and as it is."""

    def __init__(self):
        super().__init__()
        self.convolution, self.normalization = nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4)

    def forward(self, images):
        x = self.convolution(images)
        return (self.normalization(x) + x).flatten(1)


class NotTraceable(nn.Sequential):
    def forward(self, images):
        return super().forward(images if images.sum() > 0 else -images)


class Shared(nn.Module):
    """One normalization after two convolutions."""

    def __init__(self):
        super().__init__()
        self.first, self.second = nn.Conv2d(3, 3, 3), nn.Conv2d(3, 3, 3)
        self.normalization = nn.BatchNorm2d(3)

    def forward(self, images):
        x = self.normalization(self.first(images))
        return self.normalization(self.second(x)).flatten(1)


class Unusual(nn.BatchNorm2d):
    """A normalization that does something else as well."""

    def forward(self, x):
        return super().forward(x).square()


@pytest.mark.parametrize(
    "network",
    [
        TwoReaders(),
        Shared(),
        NotTraceable(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.Flatten()),
        nn.Sequential(nn.Conv2d(3, 4, 3), Unusual(4), nn.Flatten()),
        nn.Sequential(nn.BatchNorm2d(3), nn.Conv2d(3, 4, 3), nn.Flatten()),
        nn.Sequential(nn.Flatten(), nn.Linear(192, 4)),
    ],
)
def test_network_that_cannot_be_folded_stays_itself(network):
    assert folded_network(with_statistics(network), torch.rand(1, 3, 8, 8)) is network
    assert folded_for_training(network, torch.rand(2, 3, 8, 8)) is network


def in_training(network):
    """Put a network into training mode, but for its normalizations, which keep their statistics."""
    with_statistics(network).train()
    for module in network.modules():
        if isinstance(module, _BatchNorm):
            module.eval()
    return network


@pytest.mark.parametrize(
    "make",
    [
        lambda: load_model("timm:test_efficientnet?pretrained=false").model,
        BNInception,
        lambda: nn.Sequential(nn.Conv2d(3, 4, 3, bias=False), nn.BatchNorm2d(4, affine=False)),
    ],
    ids=["timm", "bn_inception", "no_scale_or_shift"],
)
def test_training_the_folded_network_trains_the_network(make):
    torch.manual_seed(0)
    network = in_training(make())
    images = torch.rand(3, 3, 64, 64)
    folded = folded_for_training(network, images)
    assert folded is not network
    assert normalizations(network) > 0
    optimizer = torch.optim.SGD(network.parameters(), 0.01)
    for _ in range(2):
        gradients = []
        for each in (network, folded):
            optimizer.zero_grad()
            each(images).square().mean().backward()
            gradients.append([parameter.grad.clone() for parameter in network.parameters()])
        for plain, other in zip(*gradients, strict=True):
            assert (other - plain).norm() <= 0.02 * plain.norm()
        optimizer.step()
        torch.testing.assert_close(folded(images), network(images), rtol=1e-3, atol=1e-4)


def test_whether_a_network_is_folded_for_training_does_not_depend_on_mixed_precision():
    network = in_training(load_model("timm:test_efficientnet?pretrained=false").model)
    with torch.autocast("cpu", torch.bfloat16):
        folded = folded_for_training(network, torch.rand(3, 3, 64, 64))
        assert folded is not network
        assert folded(torch.rand(1, 3, 64, 64)).dtype == torch.bfloat16


def test_normalization_that_learns_its_statistics_is_not_folded_for_training():
    network = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.Flatten()).train()
    assert folded_for_training(network, torch.rand(2, 3, 8, 8)) is network


def test_model_that_is_no_module_of_python_stays_itself():
    def mean_color(images):
        return images.mean((2, 3))

    network = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.Flatten()).eval()
    for model in (mean_color, torch.jit.script(network)):
        assert folded_network(model, torch.rand(1, 3, 8, 8)) is model


def test_each_randomized_copy_is_folded_anew():
    loaded = load_model("timm:test_resnet?pretrained=false", input_size=32)
    images = torch.rand(1, 3, 32, 32)
    for copied in randomized_copies(loaded.model, seed=0):
        randomized = dataclasses.replace(loaded, model=copied)
        assert normalizations(randomized.folded) == 0
        assert torch.allclose(randomized.folded(images), copied(images), rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize("padding", [0, 1, (1, 0), "same"])
@pytest.mark.parametrize("groups", [1, 2])
def test_gradients_in_bf16_are_those_of_fp32_within_its_rounding(padding, groups):
    torch.manual_seed(0)
    images, weight = torch.rand(2, 4, 9, 8, requires_grad=True), torch.randn(6, 4 // groups, 3, 3)
    stride = 1 if padding == "same" else (2, 1)

    def convolved():
        return F.conv2d(images, weight, None, stride, padding=padding, groups=groups)

    (full,) = torch.autograd.grad(convolved().sin().sum(), images)
    with bf16_gradients():
        total = convolved().sin().sum()
    (lower,) = torch.autograd.grad(total, images)
    assert lower.dtype == torch.float32
    assert torch.equal(full, lower) == (groups == 2 or padding == "same")
    assert float((full - lower).norm() / full.norm()) < 2**-7


def test_embedding_under_gradients_in_bf16_is_that_of_fp32():
    network, images = with_statistics(BNInception()), torch.rand(1, 3, 64, 64, requires_grad=True)
    with bf16_gradients():
        inside = network(images)
    assert torch.equal(inside, network(images))


@pytest.mark.parametrize(
    ("capability", "amx", "expected"),
    [(None, False, "fp32"), (None, True, "bf16"), ((7, 5), True, "fp32"), ((9, 0), False, "bf16")],
)
def test_auto_is_bf16_where_the_device_has_it(monkeypatch, capability, amx, expected):
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda device: capability)
    monkeypatch.setattr(torch.cpu, "_is_avx512_bf16_supported", lambda: False)
    monkeypatch.setattr(torch.cpu, "_is_amx_tile_supported", lambda: amx)
    device = torch.device("cuda" if capability else "cpu")
    assert resolve_precision("auto", device) == expected
    assert resolve_precision("fp32", device) == "fp32"
