"""Maps: the paper's five steps, known gradients, and independence of everything but the image."""

import hashlib

import numpy as np
import pytest
import torch
from torch import nn

from dmlbench.distances import DISTANCES, euclidean
from dmlbench.saliency import (
    METHODS,
    gradient,
    smoothgrad,
    smoothgrad_paper,
)

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
    found = smoothgrad_paper(
        model, images, reference, DISTANCES[distance], samples=7, seed=3, keys=KEYS
    )
    for row, key in enumerate(KEYS):
        expected = five_steps(model, images[row], reference, DISTANCES[distance], 7, 0.15, 3, key)
        np.testing.assert_allclose(found[row].numpy(), expected, rtol=1e-9, atol=1e-9)


class Linear(nn.Module):
    """f(x) = W x with a gradient known by hand."""

    def __init__(self, weights):
        super().__init__()
        self.register_buffer("weights", weights)

    def forward(self, x):
        return torch.einsum("bchw,dchw->bd", x, self.weights)


def first_dimension(a, b):
    return a[:, 0] - b[:, 0]


@pytest.mark.parametrize("method", METHODS.values())
def test_map_of_a_linear_model_is_its_weights(images, method):
    weights = torch.randn(2, 3, 12, 10, generator=torch.Generator().manual_seed(2)).double()
    found = method(Linear(weights), images, torch.zeros(1, 2), first_dimension, keys=KEYS)
    by_hand = weights[0].mean(0).abs().numpy()
    low, high = by_hand.min(), np.percentile(by_hand, 99)
    expected = np.clip((by_hand - low) / (high - low), 0, 1)
    for row in found.numpy():
        np.testing.assert_allclose(row, expected, atol=1e-9)


def test_absolute_value_is_per_copy_in_the_paper_and_after_the_mean_in_the_textbook():
    # f(x) = |x| at 0: the gradient is +1 or -1 by the sign of the noise.
    corner = torch.zeros(1, 3, 1, 2)
    corner[0, :, 0, 1] = 1

    def near_zero(x):
        return x[..., 0].mean(1).abs() + 0.3 * x[..., 1].mean(1)

    arguments = (near_zero, corner, torch.zeros(1, 1), first_dimension)
    paper = smoothgrad_paper(*arguments, samples=200, keys=["a"])
    textbook = smoothgrad(*arguments, samples=200, keys=["a"])
    assert paper[0, 0].tolist() == [1, 0]
    assert textbook[0, 0].tolist() == [0, 1]


def test_gradient_without_noise_is_the_limit_of_little_noise(model, images, reference):
    plain = gradient(model, images, reference, euclidean, keys=KEYS)
    little = smoothgrad(model, images, reference, euclidean, sigma=1e-9, samples=2, keys=KEYS)
    torch.testing.assert_close(plain, little, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("method", METHODS.values())
def test_map_depends_on_its_image_key_and_seed_alone(method):
    torch.manual_seed(0)
    model, black = TinyNet().eval(), torch.ones(1, 5)
    images = torch.randn(3, 3, 12, 10)
    whole = method(model, images, black, euclidean, samples=9, keys=KEYS)
    for chunk in (1, 4, 100):
        again = method(model, images, black, euclidean, samples=9, keys=KEYS, chunk=chunk)
        torch.testing.assert_close(whole, again, rtol=1e-4, atol=1e-4)
    back = method(model, images.flip(0), black, euclidean, samples=9, keys=KEYS[::-1]).flip(0)
    torch.testing.assert_close(whole, back, rtol=1e-4, atol=1e-4)
    alone = method(model, images[1:2], black, euclidean, samples=9, keys=KEYS[1:2])
    torch.testing.assert_close(whole[1:2], alone, rtol=1e-4, atol=1e-4)


def test_other_seed_and_other_key_draw_other_noise(model, images, reference):
    def run(seed, key):
        return smoothgrad_paper(
            model, images[:1], reference, euclidean, samples=3, seed=seed, keys=[key]
        )

    zero = run(0, "a")
    assert torch.equal(zero, run(0, "a"))
    assert not torch.allclose(zero, run(1, "a"), atol=1e-3)
    assert not torch.allclose(zero, run(0, "b"), atol=1e-3)


def test_noise_leaves_the_global_random_state_alone(model, images, reference):
    before = torch.get_rng_state()
    smoothgrad_paper(model, images, reference, euclidean, samples=2, keys=KEYS)
    assert torch.equal(before, torch.get_rng_state())
