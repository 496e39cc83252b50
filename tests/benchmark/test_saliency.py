"""Maps: the paper's five steps, known gradients, and independence of everything but the image."""

import hashlib

import numpy as np
import pytest
import torch
from torch import nn

from dmlbench.losses import DISTANCES, euclidean
from dmlbench.saliency import METHODS, run_method

KEYS = ["car_a", "car_b", "car_c"]
OF_PIXELS = [name for name in METHODS if name != "grad_cam"]


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


def maps_of(method, model, images, reference, distance, *, keys=KEYS, black=None, **settings):
    """Maps by a method, from black pixels of 0 unless told otherwise."""
    black = torch.zeros_like(images[:1]) if black is None else black
    return run_method(
        method, model, images, reference, distance, keys=keys, black=black, **settings
    )


def five_steps(model, image, black, distance, samples, sigma, seed, key):
    """The protocol's section 4 word by word: one copy at a time, NumPy's percentile."""
    digest = hashlib.sha256(f"{seed}:{key}".encode()).digest()
    generator = torch.Generator().manual_seed(int.from_bytes(digest[:8], "little"))
    deviation = sigma * float(image.max() - image.min())
    copies = [
        image + torch.randn(image.shape, generator=generator).double() * deviation
        for _ in range(samples)
    ]
    for copy in copies:
        copy.requires_grad_()
    mean = torch.stack([distance(model(copy[None]), black)[0] for copy in copies]).mean()
    mean.backward()
    total = sum(np.abs(copy.grad.numpy().mean(axis=0)) for copy in copies)
    low, high = total.min(), np.percentile(total, 99)
    return np.clip((total - low) / (high - low), 0, 1)


@pytest.mark.parametrize("distance", DISTANCES)
def test_map_is_that_of_the_five_steps(model, images, reference, distance):
    maps = maps_of(
        "smoothgrad_paper", model, images, reference, DISTANCES[distance], samples=7, seed=3
    )
    for row, key in enumerate(KEYS):
        expected = five_steps(model, images[row], reference, DISTANCES[distance], 7, 0.15, 3, key)
        np.testing.assert_allclose(maps[row].numpy(), expected, rtol=1e-9, atol=1e-9)


class Linear(nn.Module):
    """f(x) = W x with a gradient known by hand."""

    def __init__(self, weights):
        super().__init__()
        self.register_buffer("weights", weights)

    def forward(self, x):
        return torch.einsum("bchw,dchw->bd", x, self.weights)


def first_dimension(a, b):
    return a[:, 0] - b[:, 0]


@pytest.mark.parametrize("method", OF_PIXELS)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_map_of_a_linear_model_is_its_weights_where_the_image_is_black_plus_one(method, dtype):
    # Of W x the gradient is W; times (x - black) = 1, or with single pixels covered, W again.
    weights = torch.randn(2, 3, 12, 10, generator=torch.Generator().manual_seed(2)).to(dtype)
    images, black = torch.full((3, 3, 12, 10), 3.0, dtype=dtype), torch.full((1, 3, 12, 10), 2.0)
    arguments = (Linear(weights), images, torch.zeros(1, 2), first_dimension)
    maps = maps_of(method, *arguments, black=black.to(dtype))
    by_hand = weights[0].mean(0).abs().numpy()
    low, high = by_hand.min(), np.percentile(by_hand, 99)
    expected = np.clip((by_hand - low) / (high - low), 0, 1)
    assert maps.dtype == dtype
    for row in maps.numpy():
        # Sums of 360 float32 products: what is left after their difference depends on the CPU.
        np.testing.assert_allclose(row, expected, atol=3e-5 if dtype == torch.float32 else 1e-6)


def test_absolute_value_is_per_copy_in_the_paper_and_after_the_mean_in_the_textbook():
    # f(x) = |x| at 0: the gradient is +1 or -1 by the sign of the noise.
    corner = torch.zeros(1, 3, 1, 2)
    corner[0, :, 0, 1] = 1

    def near_zero(x):
        return x[..., 0].mean(1).abs() + 0.3 * x[..., 1].mean(1)

    arguments = (near_zero, corner, torch.zeros(1, 1), first_dimension)
    paper = maps_of("smoothgrad_paper", *arguments, samples=200, keys=["a"])
    textbook = maps_of("smoothgrad", *arguments, samples=200, keys=["a"])
    assert paper[0, 0].tolist() == [1, 0]
    assert textbook[0, 0].tolist() == [0, 1]


def test_gradient_without_noise_is_the_limit_of_little_noise(model, images, reference):
    plain = maps_of("gradient", model, images, reference, euclidean)
    little = maps_of("smoothgrad", model, images, reference, euclidean, sigma=1e-9, samples=2)
    torch.testing.assert_close(plain, little, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("method", METHODS)
def test_map_depends_on_its_image_key_and_seed_alone(method):
    torch.manual_seed(0)
    model, black = TinyNet().eval(), torch.ones(1, 5)
    images = torch.randn(3, 3, 12, 10)

    def run(rows, **settings):
        keys = [KEYS[row] for row in rows]
        return maps_of(method, model, images[rows], black, euclidean, keys=keys, **settings)

    whole = run([0, 1, 2], samples=9)
    for chunk in (1, 4, 100):
        again = run([0, 1, 2], samples=9, chunk=chunk)
        torch.testing.assert_close(whole, again, rtol=1e-4, atol=1e-4)
    back = run([2, 1, 0], samples=9).flip(0)
    torch.testing.assert_close(whole, back, rtol=1e-4, atol=1e-4)
    torch.testing.assert_close(whole[1:2], run([1], samples=9), rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("method", METHODS)
def test_no_pass_holds_more_than_a_chunk(model, images, reference, method):
    seen = []

    def watched(a, b):
        seen.append(len(a))
        return euclidean(a, b)

    maps_of(method, model, images, reference, watched, samples=5, chunk=2)
    assert max(seen) <= 2


def test_other_seed_and_other_key_draw_other_noise(model, images, reference):
    def run(seed, key):
        arguments = (model, images[:1], reference, euclidean)
        return maps_of("smoothgrad_paper", *arguments, samples=3, seed=seed, keys=[key])

    zero = run(0, "a")
    assert torch.equal(zero, run(0, "a"))
    assert not torch.allclose(zero, run(1, "a"), atol=1e-3)
    assert not torch.allclose(zero, run(0, "b"), atol=1e-3)


def test_noise_leaves_the_global_random_state_alone(model, images, reference):
    before = torch.get_rng_state()
    maps_of("smoothgrad_paper", model, images, reference, euclidean, samples=2)
    assert torch.equal(before, torch.get_rng_state())
