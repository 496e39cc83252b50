"""Maps and the models they are made from: left as they were, refused with a reason, real ones."""

import numpy as np
import pytest
import torch
from PIL import Image
from torch import nn

from dmlbench.losses import euclidean
from dmlbench.maps import compare_maps
from dmlbench.models import LoadedModel, Preprocessing, load_model, save_torchscript
from dmlbench.saliency import (
    METHODS,
    black_reference,
    method_named,
    run_method,
    saliency_maps,
)
from dmldata.common.errors import InputError, ModelError, UnknownNameError

pytestmark = pytest.mark.filterwarnings("ignore:.torch.jit:DeprecationWarning")

KEYS = ["car_a", "car_b", "car_c"]


class TinyNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.layers = nn.Sequential(
            nn.Conv2d(3, 6, 3, padding=1),
            nn.BatchNorm2d(6),
            nn.ReLU(),
            nn.MaxPool2d(2),
            nn.Conv2d(6, 8, 3, padding=1),
            nn.ReLU(),
            nn.Dropout(0.5),
            nn.AdaptiveAvgPool2d(2),
            nn.Flatten(),
            nn.Linear(32, 5),
        )

    def forward(self, x):
        return self.layers(x)


@pytest.fixture(scope="module")
def model():
    torch.manual_seed(0)
    return TinyNet().eval().double()


@pytest.fixture(scope="module")
def images():
    return torch.randn(3, 3, 12, 10, generator=torch.Generator().manual_seed(1)).double()


@pytest.fixture(scope="module")
def reference(model):
    return model(torch.zeros(1, 3, 12, 10).double()).detach()


def maps_of(method, model, images, reference, distance, *, keys=KEYS, **settings):
    black = torch.zeros_like(images[:1])
    return run_method(
        method, model, images, reference, distance, keys=keys, black=black, **settings
    )


class Linear(nn.Module):
    """f(x) = W x with a gradient known by hand."""

    def __init__(self, weights):
        super().__init__()
        self.register_buffer("weights", weights)

    def forward(self, x):
        return torch.einsum("bchw,dchw->bd", x, self.weights)


def first_dimension(a, b):
    return a[:, 0] - b[:, 0]


@pytest.mark.parametrize("method", METHODS)
def test_parameters_are_frozen_meanwhile_and_as_before_afterwards(images, method):
    model = TinyNet().double().train()
    model.layers[1].eval()
    model.layers[0].weight.requires_grad_(False)
    statistics = model.layers[1].running_mean.clone()
    flags = [parameter.requires_grad for parameter in model.parameters()]
    modes = [module.training for module in model.modules()]
    inside = []

    def distance(a, b):
        inside.append([parameter.requires_grad for parameter in model.parameters()])
        inside.append([module.training for module in model.modules()])
        return euclidean(a, b)

    maps_of(method, model, images, torch.ones(1, 5).double(), distance, samples=2)
    assert inside
    assert not any(flag for row in inside for flag in row)
    assert [parameter.requires_grad for parameter in model.parameters()] == flags
    assert [module.training for module in model.modules()] == modes
    assert all(parameter.grad is None for parameter in model.parameters())
    assert torch.equal(model.layers[1].running_mean, statistics)


def test_parameters_come_back_after_an_error(images):
    model = TinyNet().double().train()
    with pytest.raises(ZeroDivisionError):
        maps_of("gradient", model, images, torch.ones(1, 5), lambda a, b: 1 / 0)
    assert all(parameter.requires_grad for parameter in model.parameters())
    assert model.training


def test_maps_can_be_made_inside_inference_mode(model, images, reference):
    outside = maps_of("smoothgrad_paper", model, images, reference, euclidean, samples=2)
    with torch.inference_mode():
        fresh = images.clone()
        maps = maps_of("smoothgrad_paper", model, fresh, reference, euclidean, samples=2)
    assert torch.equal(outside, maps)


def test_constant_map_is_zeros(images):
    def model(x):
        return x.sum((1, 2, 3))[:, None]

    maps = maps_of("gradient", model, images, torch.zeros(1, 1), first_dimension)
    assert maps.tolist() == torch.zeros(3, 12, 10).tolist()


def test_map_of_few_pixels_keeps_them():
    # One of 120 pixels has a gradient: the 99th percentile is the minimum.
    weights = torch.zeros(1, 3, 12, 10)
    weights[0, :, 4, 5] = 2
    image = torch.rand(1, 3, 12, 10)
    maps = maps_of(
        "gradient", Linear(weights), image, torch.zeros(1, 1), first_dimension, keys=["a"]
    )
    assert maps.sum() == 1
    assert maps[0, 4, 5] == 1


def test_map_that_is_not_finite_names_its_image(images):
    def model(x):
        return x.sum((2, 3)) * torch.tensor([[1.0], [float("nan")], [1.0]])

    with pytest.raises(ModelError, match="'car_b' is not finite"):
        maps_of("gradient", model, images, torch.zeros(1, 3), first_dimension)


@pytest.mark.parametrize("method", sorted(set(METHODS) - {"occlusion"}))
def test_model_without_gradients_is_refused(images, method):
    with pytest.raises(ModelError, match="passes no gradient"):
        maps_of(method, lambda x: x.detach().mean((2, 3)), images, torch.zeros(1, 3), euclidean)


def test_occlusion_needs_no_gradient(images):
    def left_half(x):
        return x[..., :5].detach().mean(3).mean(2)

    maps = maps_of("occlusion", left_half, images + 5, torch.ones(1, 3), first_dimension)
    assert (maps[..., :5] > 0).any(dim=2).all()
    assert (maps[..., 5:] == 0).all()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"keys": ["a"]}, "1 keys for 3 images"),
        ({"keys": "abc"}, "keys"),
        ({"samples": 0}, "samples 0"),
        ({"chunk": 0}, "chunk 0"),
        ({"precision": "fp8"}, "unknown precision 'fp8'"),
    ],
)
def test_arguments_that_do_not_fit_are_refused(model, images, reference, change, message):
    with pytest.raises((ValueError, UnknownNameError), match=message):
        maps_of("smoothgrad_paper", model, images, reference, euclidean, **change)


@pytest.fixture(scope="module")
def small():
    network = nn.Sequential(nn.Conv2d(3, 4, 3), nn.AdaptiveAvgPool2d(2), nn.Flatten())
    return load_model(network, preprocessing=Preprocessing(input_size=16))


PICTURES = [Image.effect_noise((20, 20), 60).convert("RGB") for _ in range(2)]


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"batch_size": 0}, "batch_size 0; valid: a whole number of at least 1"),
        ({"samples": 2.5}, "samples 2.5; valid: a whole number of at least 1, or 'auto'"),
        ({"samples": "Auto"}, "samples 'Auto'; valid"),
        ({"chunk": -1}, "chunk -1; valid: a whole number of at least 1, or None"),
        ({"sigma": -1.0}, "sigma -1.0; valid: a finite number"),
        ({"sigma": float("nan")}, "sigma nan; valid: a finite number"),
        ({"keys": ["a"]}, "1 keys for 2 images"),
    ],
)
def test_settings_that_are_not_valid_are_refused_before_a_map_is_made(small, settings, message):
    with pytest.raises(InputError, match=message):
        saliency_maps(small, PICTURES, **{"keys": ["a", "b"], "device": "cpu"} | settings)


def test_noise_does_not_depend_on_the_default_type_of_tensors(small):
    maps = saliency_maps(small, PICTURES, ["a", "b"], samples=2, device="cpu")
    torch.set_default_dtype(torch.float64)
    try:
        again = saliency_maps(small, PICTURES, ["a", "b"], samples=2, device="cpu")
    finally:
        torch.set_default_dtype(torch.float32)
    assert np.array_equal(maps, again)


def test_unknown_method_lists_the_valid_ones():
    with pytest.raises(UnknownNameError, match="did you mean 'smoothgrad_paper'"):
        method_named("smoothgrad_papr")


@pytest.mark.parametrize("name", ["test_efficientnet", "test_vit", "test_resnet"])
def test_maps_of_real_networks_from_photographs(name):
    rng = np.random.default_rng(0)
    photographs = [
        Image.fromarray(rng.integers(0, 256, (180, 240, 3), dtype=np.uint8)) for _ in range(2)
    ]
    loaded = load_model(f"timm:{name}?pretrained=false", input_size=64)
    counts = []
    maps = saliency_maps(
        loaded, photographs, ["a", "b"], samples=4, device="cpu", progress=counts.append
    )
    assert maps.shape == (2, 64, 64)
    assert maps.dtype == np.float32
    assert maps.min() == 0
    assert maps.max() == 1
    assert counts == [2]
    single = saliency_maps(loaded, photographs[1:], ["b"], samples=4, device="cpu", batch_size=1)
    np.testing.assert_allclose(maps[1:], single, atol=1e-3)


def test_identical_models_agree_fully_under_the_same_noise_and_less_under_other_noise():
    first, second = (load_model("timm:test_resnet?pretrained=false", input_size=32) for _ in "ab")
    rng = np.random.default_rng(0)
    photographs = [Image.fromarray(rng.integers(0, 256, (40, 40, 3), np.uint8)) for _ in "ab"]

    def maps(model, seed):
        return saliency_maps(model, photographs, ["a", "b"], samples=4, seed=seed, device="cpu")

    same = compare_maps(maps(first, 0), maps(second, 0))
    np.testing.assert_allclose(same.correlation, 1, atol=1e-6)
    np.testing.assert_allclose(same.divergence, 0, atol=1e-6)
    assert (compare_maps(maps(first, 0), maps(second, 1)).correlation < 0.999).all()


def test_torchscript_model_gives_the_maps_of_the_model_it_was_saved_from(tmp_path):
    model = TinyNet().eval()
    preprocessing = Preprocessing(input_size=12)
    loaded = load_model(str(save_torchscript(model, preprocessing, tmp_path / "tiny.pt")))
    photographs = [Image.effect_mandelbrot((20, 20), (-2, -1.5, 1, 1.5), 50)]
    ours, saved = (
        saliency_maps(source, photographs, ["a"], samples=6, device="cpu")
        for source in (LoadedModel(model, preprocessing, id=loaded.id), loaded)
    )
    np.testing.assert_allclose(ours, saved, atol=1e-4)
    assert all(parameter.requires_grad for parameter in loaded.model.parameters())


def test_two_models_share_no_noise():
    photographs = [Image.effect_mandelbrot((20, 20), (-2, -1.5, 1, 1.5), 50)]
    network, preprocessing = TinyNet().eval(), Preprocessing(input_size=12)
    first, second, again = (
        saliency_maps(
            LoadedModel(network, preprocessing, id=name),
            photographs,
            ["a"],
            samples=6,
            device="cpu",
        )
        for name in ("first", "second", "first")
    )
    assert np.array_equal(first, again)
    assert not np.allclose(first, second, atol=0.01)


def test_black_reference_is_black_after_the_models_own_preprocessing():
    preprocessing = Preprocessing(
        input_size=8, bgr=True, scale=255, mean=(104, 117, 128), std=(1, 1, 1)
    )
    loaded = LoadedModel(lambda x: x.mean((2, 3)), preprocessing)
    reference = black_reference(loaded)
    assert reference.tolist() == [[-104, -117, -128]]
    assert not reference.requires_grad
