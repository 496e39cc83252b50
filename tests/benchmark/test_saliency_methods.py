"""Integrated gradients, Grad-CAM, occlusion and lower precision: known answers, real networks."""

import numpy as np
import pytest
import torch
from PIL import Image
from torch import nn

from dmlbench.losses import euclidean, squared_euclidean
from dmlbench.maps import pearson
from dmlbench.models import load_model
from dmlbench.saliency import (
    METHODS,
    MapSettings,
    explain_images,
    grad_cam,
    integrated_gradients,
    occlusion,
    saliency_maps,
)
from dmlbench.saliency.clip import clip_maps
from dmldata.common.errors import ModelError

pytestmark = pytest.mark.filterwarnings("ignore:.torch.jit:DeprecationWarning")

CONVOLUTIONAL = ["test_resnet", "test_efficientnet", "test_convnext", "test_byobnet", "test_nfnet"]


def first_dimension(a, b):
    return a[:, 0] - b[:, 0]


def question(model, images, distance=first_dimension):
    """The first four arguments of every method; the reference is the embedding of black."""
    with torch.no_grad():
        return model, images, model(torch.zeros_like(images[:1])), distance


@pytest.fixture(scope="module")
def photographs():
    rng = np.random.default_rng(0)
    return [Image.fromarray(rng.integers(0, 256, (90, 120, 3), dtype=np.uint8)) for _ in range(2)]


def smooth_network(dtype=torch.float64):
    torch.manual_seed(0)
    return (
        nn.Sequential(
            nn.Conv2d(3, 6, 3, padding=1),
            nn.Softplus(),
            nn.AdaptiveAvgPool2d(3),
            nn.Flatten(),
            nn.Linear(54, 4),
        )
        .eval()
        .to(dtype)
    )


@pytest.mark.parametrize("distance", [euclidean, squared_euclidean, first_dimension])
def test_integrated_gradients_sum_to_the_distance_from_black(monkeypatch, distance):
    from captum.attr import IntegratedGradients

    signed = []
    attribute = IntegratedGradients.attribute

    def recorded(*args, **options):
        signed.append(attribute(*args, **options))
        return signed[-1]

    monkeypatch.setattr(IntegratedGradients, "attribute", recorded)
    images = torch.randn(2, 3, 8, 8, generator=torch.Generator().manual_seed(1)).double()
    black = torch.zeros_like(images[:1])
    model, _, reference, _ = question(smooth_network(), images)
    integrated_gradients(model, images, reference, distance, black=black, chunk=7)
    with torch.no_grad():
        of_image, of_black = (distance(model(pixels), reference) for pixels in (images, black))
    expected = of_image - of_black
    sums = torch.stack([attribution.sum() for attribution in signed])
    torch.testing.assert_close(sums, expected, rtol=1e-3, atol=1e-4)


def test_occlusion_is_the_mean_change_over_the_windows_that_cover_a_pixel():
    def total(x):
        return (x * torch.arange(16.0).view(1, 1, 1, 16)).sum((1, 2, 3))[:, None]

    images = torch.ones(1, 1, 1, 16)
    saliency_map = occlusion(*question(total, images), black=torch.zeros_like(images))
    # Windows of 2 columns that move by 1 cover w and w + 1: they take 2w + 1 away.
    inner = [(2 * w - 1 + 2 * w + 1) / 2 for w in range(1, 15)]
    changes = torch.tensor([[[1, *inner, 29]]])
    torch.testing.assert_close(saliency_map, clip_maps(changes, ["a"]))


class LastStage(nn.Module):
    """Embeds the mean of one feature map, which is the image's first channel at half size."""

    def __init__(self):
        super().__init__()
        self.stem = nn.Conv2d(3, 2, 2, stride=2, bias=False)
        self.stem.weight.data.zero_()
        self.stem.weight.data[0, 0] = 0.25
        self.stem.weight.data[1, 1] = 0.25
        self.excite = nn.Conv2d(2, 2, 1)
        self.pool = nn.AdaptiveAvgPool2d(1)

    def forward(self, x):
        x = self.stem(x)
        scale = torch.sigmoid(self.excite(x.mean((2, 3), keepdim=True)) * 0)
        return self.pool(x * scale).flatten(1)


def test_grad_cam_of_a_network_by_hand():
    # The embedding's first dimension is half the mean of the first channel: it alone has weight.
    images = torch.zeros(1, 3, 8, 8)
    images[0, 0, :4, :4] = 1
    images[0, 1, 4:, 4:] = 5
    saliency_map = grad_cam(*question(LastStage(), images))[0]
    assert saliency_map.shape == (8, 8)
    assert (saliency_map[:3, :3] == 1).all()
    assert (saliency_map[5:] == 0).all()
    assert (saliency_map[:, 5:] == 0).all()


def test_grad_cam_keeps_the_magnitude_so_that_similarities_and_distances_agree():
    images = torch.rand(1, 3, 8, 8)
    model = LastStage()
    ahead = grad_cam(*question(model, images, first_dimension))
    back = grad_cam(*question(model, images, lambda a, b: b[:, 0] - a[:, 0]))
    assert torch.equal(ahead, back)
    assert ahead.max() == 1


@pytest.mark.parametrize("name", CONVOLUTIONAL)
def test_grad_cam_takes_what_goes_into_the_pooling_of_timms_networks(name, monkeypatch):
    from dmlbench.saliency import convolutional_stage

    stages = []
    stage = convolutional_stage._Stage
    features = stage.features
    monkeypatch.setattr(stage, "features", lambda it: stages.append(features(it)) or stages[-1])
    loaded = load_model(f"timm:{name}?pretrained=false", input_size=96)
    images = torch.randn(2, 3, 96, 96)
    grad_cam(*question(loaded.model, images, euclidean))
    with torch.no_grad():
        expected = loaded.model.forward_features(images)
    torch.testing.assert_close(stages[0].detach(), expected, rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize("name", ["resnet18", "densenet121", "mobilenet_v3_small", "convnext_tiny"])
def test_grad_cam_finds_the_last_stage_of_torchvisions_networks(name):
    from dmlbench.models.torchvision_schemas import ensure_torchvision_imports

    ensure_torchvision_imports()
    import torchvision

    torch.manual_seed(0)
    model = getattr(torchvision.models, name)(weights=None).eval()
    maps = grad_cam(*question(model, torch.randn(1, 3, 64, 64), squared_euclidean))
    assert maps.shape == (1, 64, 64)
    assert maps.max() == 1


@pytest.mark.parametrize("name", ["test_vit", "test_vit3"])
def test_vision_transformer_has_every_map_but_grad_cam(name, photographs):
    loaded = load_model(f"timm:{name}?pretrained=false", input_size=64)
    for method in sorted(set(METHODS) - {"grad_cam"}):
        options = {"method": method, "samples": 2, "device": "cpu"}
        maps = saliency_maps(loaded, photographs, ["a", "b"], **options)
        assert maps.shape == (2, 64, 64)
        assert maps.max() == 1
    with pytest.raises(ModelError, match="tokens follow the last convolution") as refused:
        saliency_maps(loaded, photographs, ["a", "b"], method="grad_cam", device="cpu")
    assert "\n" not in str(refused.value)


def test_grad_cam_says_that_torchscript_shows_no_convolution(models, photographs):
    loaded = load_model(str(models["small"]))
    with pytest.raises(ModelError, match="no convolution of this model can be seen"):
        saliency_maps(loaded, photographs, ["a", "b"], method="grad_cam", device="cpu")


class Aside(nn.Module):
    """A convolution that the embedding does not depend on."""

    def __init__(self, detached):
        super().__init__()
        self.detached = detached
        self.aside = nn.Conv2d(3, 2, 3)

    def forward(self, x):
        self.aside(x.detach() if self.detached else x)
        return x.mean((2, 3))


@pytest.mark.parametrize("detached", [True, False])
def test_grad_cam_refuses_a_convolution_aside(detached):
    with pytest.raises(ModelError, match="do not depend on the last convolution"):
        grad_cam(*question(Aside(detached), torch.rand(1, 3, 8, 8)))


def test_grad_cam_leaves_no_hooks(photographs):
    loaded = load_model("timm:test_resnet?pretrained=false", input_size=64)
    saliency_maps(loaded, photographs, ["a", "b"], method="grad_cam", device="cpu")
    for module in loaded.model.modules():
        assert not module._forward_hooks
        assert not module._forward_pre_hooks


@pytest.mark.parametrize("method", METHODS)
def test_lower_precision_gives_nearly_the_same_map_and_not_the_same(method, photographs):
    loaded = load_model("timm:test_resnet?pretrained=false", input_size=64)
    options = {"method": method, "samples": 4, "device": "cpu"}
    full, lower = (
        saliency_maps(loaded, photographs, ["a", "b"], precision=precision, **options)
        for precision in ("fp32", "bf16")
    )
    assert lower.dtype == np.float32
    # Occlusion takes no gradient; that of Grad-CAM goes back to the last stage alone.
    assert np.array_equal(full, lower) == (method in ("occlusion", "grad_cam"))
    assert pearson(full, lower).min() > 0.999


def test_lower_precision_leaves_torchscript_as_it_is(models, photographs):
    loaded = load_model(str(models["small"]))
    full, lower = (
        saliency_maps(loaded, photographs, ["a", "b"], samples=2, device="cpu", precision=precision)
        for precision in ("fp32", "bf16")
    )
    assert np.array_equal(full, lower)


@pytest.fixture(scope="module")
def pictures():
    """Return images whose maps need different numbers of copies."""
    rng = np.random.default_rng(1)
    smooth = Image.fromarray(rng.integers(0, 256, (3, 3, 3), dtype=np.uint8)).resize((64, 64))
    flat = Image.new("RGB", (64, 64), (90, 120, 200))
    return [flat, smooth, Image.fromarray(rng.integers(0, 256, (64, 64, 3), dtype=np.uint8))]


def settled_maps(pictures, keys, **settings):
    loaded = load_model("timm:test_resnet?pretrained=false", input_size=64)
    return explain_images(loaded, pictures, keys, MapSettings(device="cpu", **settings))


def reliability_of(explained):
    return 2 * explained.half_correlation / (1 + explained.half_correlation)


def test_samples_auto_stops_at_the_first_reliable_ten(monkeypatch, pictures):
    monkeypatch.setattr("dmlbench.saliency.compute.RELIABLE", 0.0)
    tens = settled_maps(pictures, ["a", "b", "c"], samples="auto")
    assert tens.samples.tolist() == [10, 10, 10]
    best = float(reliability_of(tens).max())
    monkeypatch.setattr("dmlbench.saliency.compute.RELIABLE", best - 1e-4)
    together = settled_maps(pictures, ["a", "b", "c"], samples="auto")
    assert {10, 20, 30, 40, 50}.issuperset(together.samples.tolist())
    assert len(set(together.samples.tolist())) > 1
    assert all(reliability_of(together)[together.samples < 50] >= best - 1e-4)
    for row, (picture, key) in enumerate(zip(pictures, "abc", strict=True)):
        alone = settled_maps([picture], [key], samples="auto")
        assert alone.samples[0] == together.samples[row]
        assert np.allclose(alone.maps[0], together.maps[row], atol=1e-3)
        same = settled_maps([picture], [key], samples=int(alone.samples[0]))
        assert pearson(same.maps, alone.maps).min() > 0.99999


def test_samples_auto_ends_at_fifty(monkeypatch, pictures):
    monkeypatch.setattr("dmlbench.saliency.compute.RELIABLE", 1.1)
    assert settled_maps(pictures[:1], ["a"], samples="auto").samples.tolist() == [50]
