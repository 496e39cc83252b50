"""The saliency methods: maps of the distance between an image's embedding and a reference.

Deep metric learning has no class score. A map says which pixels move the distance D(f(x), r) of an
image x to a reference r, in the protocol the embedding of a black image. Every method takes the
model, preprocessed images, the reference and the distance, and returns maps clipped to [0, 1].
Source: protocol, section 4 (Kobs et al., ICCV 2021).

A method of the user, `python:module:function`, is called in the same way and gets those of the
keywords `keys`, `black`, `samples`, `sigma`, `seed`, `owner`, `chunk` and `precision` that it
accepts.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from dmlbench.losses import Distance
from dmlbench.maps.bounds import spearman_brown
from dmlbench.maps.compare import pearson
from dmlbench.models.contract import EmbeddingModel
from dmlbench.models.execution import frozen, full_precision
from dmlbench.saliency.clip import clip_maps
from dmlbench.saliency.convolutional_stage import stage_maps
from dmlbench.saliency.gradients import NoisyCopies, distance_gradients, sum_over_copies
from dmlbench.saliency.map_input import FULL, MapInput
from dmlbench.user_code import call_function, import_function, is_python, source_digest
from dmldata.common.errors import InputError, UnknownNameError

SAMPLES = 50
RELIABLE = 0.95
"""Reliability of an image's map at which `samples` "auto" draws no more noisy copies of it."""

SIGMA = 0.15

STEPS = 50
"""Number of points on the path from the black image to the image, for `integrated_gradients`."""

WINDOWS, STRIDES = 8, 16
"""Fractions of the input's side: a window of `occlusion` is one eighth of it, and moves by one
sixteenth."""

Method = Callable[..., Tensor]
"""A saliency method: (model, images, reference, distance, **settings) -> maps [B, H, W]."""


def smoothgrad_paper(
    model: EmbeddingModel,
    images: Tensor,
    reference: Tensor,
    distance: Distance,
    *,
    keys: Sequence[str],
    samples: int = SAMPLES,
    sigma: float = SIGMA,
    seed: int = 0,
    owner: str = "",
    chunk: int | None = None,
    precision: str = FULL,
) -> Tensor:
    """Return the sum over noisy copies of |mean over channels of the gradient|, as in the paper.

    The absolute value is taken per noisy copy, while textbook SmoothGrad averages first.

    Args:
        model: images [B, 3, H, W] -> embeddings [B, D]; a module runs in eval mode with frozen
            parameters, and is left as it was.
        images: [B, 3, H, W], preprocessed, on the model's device, float32 or float64.
        reference: [1, D], the embedding that the distance is to; see `black_reference`.
        distance: D(a [B, D], b [1, D]) -> [B].
        keys: [B] keys of the images, which seed the noise together with `seed` and `owner`, so that
            a map depends on its image alone.
        samples: number of noisy copies per image.
        sigma: standard deviation of the noise over the range (max - min) of the image's tensor.
        seed: seed of the noise.
        owner: whose noise it is, for instance the id of a model: two owners share none.
        chunk: number of inputs in one forward pass; by default what suits their size and device.
        precision: "fp32", or "bf16": input gradients of convolutions in bf16, all else in fp32.

    Returns:
        Maps [B, H, W] in [0, 1], of the images' dtype.

    Raises:
        ValueError: shapes or numbers do not fit each other.
        UnknownNameError: there is no such precision.
        ModelError: no gradient reaches the pixels, or a map is not finite.

    >>> images = torch.rand(2, 3, 8, 8)
    >>> def mean_color(images):
    ...     return images.mean((2, 3))
    >>> def distance(a, b):
    ...     return (a - b).square().sum(dim=1)
    >>> smoothgrad_paper(mean_color, images, torch.zeros(1, 3), distance, keys=["a", "b"]).shape
    torch.Size([2, 8, 8])
    """
    map_input = MapInput(model, images, reference, distance, chunk, precision)
    copies = NoisyCopies(keys, samples, sigma, seed, owner)
    return noisy_maps("smoothgrad_paper", map_input, copies).maps


def smoothgrad(
    model: EmbeddingModel,
    images: Tensor,
    reference: Tensor,
    distance: Distance,
    *,
    keys: Sequence[str],
    samples: int = SAMPLES,
    sigma: float = SIGMA,
    seed: int = 0,
    owner: str = "",
    chunk: int | None = None,
    precision: str = FULL,
) -> Tensor:
    """Return |mean over copies and channels of the gradient|: textbook SmoothGrad.

    Arguments, result and noise are those of `smoothgrad_paper`.
    Source: Smilkov et al., "SmoothGrad", 2017.

    >>> images = torch.rand(2, 3, 8, 8)
    >>> def mean_color(images):
    ...     return images.mean((2, 3))
    >>> def distance(a, b):
    ...     return (a - b).square().sum(dim=1)
    >>> smoothgrad(mean_color, images, torch.zeros(1, 3), distance, keys=["a", "b"]).shape
    torch.Size([2, 8, 8])
    """
    map_input = MapInput(model, images, reference, distance, chunk, precision)
    copies = NoisyCopies(keys, samples, sigma, seed, owner)
    return noisy_maps("smoothgrad", map_input, copies).maps


def gradient(
    model: EmbeddingModel,
    images: Tensor,
    reference: Tensor,
    distance: Distance,
    *,
    keys: Sequence[str] | None = None,
    chunk: int | None = None,
    precision: str = FULL,
) -> Tensor:
    """Return |mean over channels of the gradient|, without noise.

    Arguments and result are those of `smoothgrad_paper`; keys are for messages alone.

    >>> images = torch.rand(2, 3, 8, 8)
    >>> def mean_color(images):
    ...     return images.mean((2, 3))
    >>> def distance(a, b):
    ...     return (a - b).square().sum(dim=1)
    >>> gradient(mean_color, images, torch.zeros(1, 3), distance).shape
    torch.Size([2, 8, 8])
    """

    def magnitudes(prepared: MapInput) -> Tensor:
        parts = [distance_gradients(prepared, part).mean(dim=1) for part in prepared.chunks()]
        return torch.cat(parts).abs()

    return _clipped(
        magnitudes, MapInput(model, images, reference, distance, chunk, precision), keys
    )


def integrated_gradients(
    model: EmbeddingModel,
    images: Tensor,
    reference: Tensor,
    distance: Distance,
    *,
    black: Tensor,
    keys: Sequence[str] | None = None,
    chunk: int | None = None,
    precision: str = FULL,
) -> Tensor:
    """Return |mean over channels of (x - black) times the path's mean gradient|.

    The path leads from the black image to x, with 50 points of Gauss-Legendre quadrature. Before
    the absolute value, the sum over channels and pixels is D(f(x), r) - D(f(black), r). Source:
    Sundararajan et al., "Axiomatic Attribution for Deep Networks", ICML 2017.

    Args:
        black: [1, 3, H, W], the black image after the model's preprocessing; see `black_image`.

    The other arguments and the result are those of `smoothgrad_paper`; keys are for messages alone.

    >>> images = torch.rand(2, 3, 8, 8)
    >>> def mean_color(images):
    ...     return images.mean((2, 3))
    >>> def distance(a, b):
    ...     return (a - b).square().sum(dim=1)
    >>> black = torch.zeros(1, 3, 8, 8)
    >>> integrated_gradients(mean_color, images, torch.zeros(1, 3), distance, black=black).shape
    torch.Size([2, 8, 8])
    """

    def magnitudes(prepared: MapInput) -> Tensor:
        from captum.attr import IntegratedGradients

        method = IntegratedGradients(prepared.distances)
        # One image at a time: captum puts at least all images of a call into one forward pass.
        attributions = [
            method.attribute(image, start, n_steps=STEPS, internal_batch_size=prepared.step)
            for image in prepared.images.split(1)
        ]
        return torch.cat(attributions).mean(dim=1).abs()

    start = _baseline(black, images)
    return _clipped(
        magnitudes, MapInput(model, images, reference, distance, chunk, precision), keys
    )


def grad_cam(
    model: EmbeddingModel,
    images: Tensor,
    reference: Tensor,
    distance: Distance,
    *,
    keys: Sequence[str] | None = None,
    chunk: int | None = None,
    precision: str = FULL,
) -> Tensor:
    """Return |sum over channels of activation times mean gradient| of the last stage.

    The stage's maps are resized bilinearly to the input size. The magnitude replaces the ReLU of
    classification, because a distance grows where a similarity shrinks. Source: Selvaraju et al.,
    "Grad-CAM", ICCV 2017.

    Arguments and result are those of `smoothgrad_paper`; keys are for messages alone.

    Raises:
        ModelError: the model has no visible convolutional stage, or tokens follow it (as in vision
            transformers).

    >>> from torch import nn
    >>> pool = nn.AdaptiveAvgPool2d(1)
    >>> network = nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU(), pool, nn.Flatten())
    >>> def distance(a, b):
    ...     return (a - b).square().sum(dim=1)
    >>> grad_cam(network, torch.rand(2, 3, 8, 8), torch.zeros(1, 4), distance).shape
    torch.Size([2, 8, 8])
    """
    return _clipped(
        stage_maps, MapInput(model, images, reference, distance, chunk, precision), keys
    )


def occlusion(
    model: EmbeddingModel,
    images: Tensor,
    reference: Tensor,
    distance: Distance,
    *,
    black: Tensor,
    keys: Sequence[str] | None = None,
    chunk: int | None = None,
    precision: str = FULL,
) -> Tensor:
    """Return |mean change of the distance over the black windows that cover a pixel|.

    It also works for models that pass no gradient. Source: Zeiler & Fergus, "Visualizing and
    Understanding Convolutional Networks", ECCV 2014.

    Args:
        black: [1, 3, H, W], the black image after the model's preprocessing; see `black_image`.

    The other arguments and the result are those of `smoothgrad_paper`; keys are for messages alone.

    >>> images = torch.rand(2, 3, 8, 8)
    >>> def mean_color(images):
    ...     return images.mean((2, 3))
    >>> def distance(a, b):
    ...     return (a - b).square().sum(dim=1)
    >>> black = torch.zeros(1, 3, 8, 8)
    >>> occlusion(mean_color, images, torch.zeros(1, 3), distance, black=black).shape
    torch.Size([2, 8, 8])
    """

    def magnitudes(prepared: MapInput) -> Tensor:
        from captum.attr import Occlusion

        channels, height, width = prepared.images.shape[1:]
        window = (channels, max(1, height // WINDOWS), max(1, width // WINDOWS))
        stride = (channels, max(1, height // STRIDES), max(1, width // STRIDES))
        method = Occlusion(prepared.distances)
        # One image at a time: captum puts all images of a call into one forward pass.
        attributions = [
            method.attribute(image, window, stride, baseline, perturbations_per_eval=prepared.step)
            for image in prepared.images.split(1)
        ]
        return torch.cat(attributions).mean(dim=1).abs().to(prepared.images.dtype)

    baseline = _baseline(black, images)
    return _clipped(
        magnitudes, MapInput(model, images, reference, distance, chunk, precision), keys
    )


METHODS: dict[str, Method] = {
    function.__name__: function
    for function in (
        smoothgrad_paper,
        smoothgrad,
        gradient,
        integrated_gradients,
        grad_cam,
        occlusion,
    )
}
"""The saliency methods of the protocol by name."""


@dataclass(frozen=True)
class NoisyMaps:
    """Maps in [0, 1] from noisy copies.

    Attributes:
        maps: [B, H, W], from all copies.
        half_correlation: float64 [B], Pearson r of the maps from either half of them; NaN for a
            single copy, without `has_halves`, and where a half has no variance.
        samples: int64 [B], number of copies.
    """

    maps: Tensor
    half_correlation: NDArray[np.float64]
    samples: NDArray[np.int64]


_OF_COPIES: dict[str, Callable[[Tensor], Tensor]] = {
    "smoothgrad_paper": lambda gradients: gradients.mean(dim=1).abs(),
    "smoothgrad": lambda gradients: gradients.mean(dim=1),
}
"""What the methods that draw noise sum over the copies, from gradients [p, 3, H, W]."""


def takes(name: str, setting: str) -> bool:
    """Return whether a method takes a setting: a keyword of its own, or any with `**settings`.

    >>> takes("gradient", "samples"), takes("smoothgrad", "samples")
    (False, True)
    """
    accepted = inspect.signature(method_named(name)).parameters
    return setting in accepted or any(p.kind is p.VAR_KEYWORD for p in accepted.values())


def averages_copies(name: str) -> bool:
    """Return whether a method averages over noisy copies.

    >>> averages_copies("smoothgrad"), averages_copies("gradient")
    (True, False)
    """
    return name in _OF_COPIES


def has_halves(name: str) -> bool:
    """Return whether two halves of the noisy copies tell how reliable the maps of a method are.

    Those of `smoothgrad` do not: it takes the absolute value of a mean, and what noise leaves in it
    is larger at the same pixels in both halves, however many copies there are.

    >>> has_halves("smoothgrad_paper"), has_halves("smoothgrad")
    (True, False)
    """
    return name == "smoothgrad_paper"


def noisy_maps(
    name: str, map_input: MapInput, copies: NoisyCopies, reliability: float | None = None
) -> NoisyMaps:
    """Return the maps of a method that averages over noisy copies.

    Args:
        name: `smoothgrad_paper` or `smoothgrad`.
        reliability: draw no more copies of an image once its map is that reliable (Spearman-Brown;
            protocol, section 4); None to draw all of them, as of methods without `has_halves`.

    Raises:
        ModelError, ValueError: see `smoothgrad_paper`.
    """
    names, prepared = map_input.names_of(copies.keys), map_input.outside_inference_mode()
    with torch.inference_mode(False), torch.no_grad(), frozen(map_input.model), full_precision():

        def agreement(halves: Tensor, rows: Sequence[int]) -> NDArray[np.float64]:
            keys = [names[row] for row in rows]
            first, second = (_plain(clip_maps(half.abs(), keys)) for half in halves)
            return pearson(first, second)

        def reliable(halves: Tensor, rows: list[int]) -> Tensor:
            assert reliability is not None
            reached = [spearman_brown(r) for r in agreement(halves, rows).tolist()]
            return torch.tensor(reached) >= reliability

        settled = None if reliability is None else reliable
        halves, samples = sum_over_copies(prepared, copies, _OF_COPIES[name], settled)
        maps = clip_maps(halves.sum(dim=0).abs(), names)
        unknown = np.full(len(names), np.nan)
        known = copies.samples > 1 and has_halves(name)
        correlation = agreement(halves, range(len(names))) if known else unknown
        return NoisyMaps(maps, correlation, samples.numpy())


def _plain(maps: Tensor) -> NDArray[np.float64]:
    return maps.double().cpu().numpy()


def method_named(name: str) -> Method:
    """Return the saliency method of this name, or the user's of `python:module:function`.

    Raises:
        UnknownNameError: there is no such method; lists the valid names.
        InputError: the user's module or function cannot be imported, or has changed since the maps
            were made (see `method_id`).

    >>> method_named("smoothgrad_paper").__name__
    'smoothgrad_paper'
    """
    if is_python(name):
        reference, _, digest = name.partition("#")
        function = import_function(reference, InputError)
        if digest and digest != source_digest(reference):
            raise InputError(f"{reference}: is not the function that '{name}' names: it changed")
        return function
    if name not in METHODS:
        raise UnknownNameError("saliency method", name, [*METHODS, "python:module:function"])
    return METHODS[name]


def method_id(name: str) -> str:
    """Return the name of a method in results: of a user's function with a digest of its file.

    >>> method_id("smoothgrad_paper")
    'smoothgrad_paper'
    """
    if not is_python(name):
        return name
    method_named(name)
    reference = name.partition("#")[0]
    return f"{reference}#{source_digest(reference)}"


def run_method(
    name: str,
    model: EmbeddingModel,
    images: Tensor,
    reference: Tensor,
    distance: Distance,
    *,
    keys: Sequence[str],
    **settings: object,
) -> Tensor:
    """Return the maps [B, H, W] in [0, 1] of any method, with those settings that it accepts.

    Args:
        settings: `black`, `samples`, `sigma`, `seed`, `owner`, `chunk` and `precision`.

    Raises:
        InputError: the user's method cannot be imported, or returns no maps of these images.
        UnknownNameError, ModelError: see `method_named` and `smoothgrad_paper`.
    """
    function = method_named(name)
    settings["keys"] = keys
    chosen = {key: value for key, value in settings.items() if takes(name, key)}
    if not is_python(name):
        return function(model, images, reference, distance, **chosen)
    with torch.inference_mode(False), frozen(model), full_precision():
        arguments = (model, images.clone(), reference.clone(), distance)
        maps = call_function(name, function, InputError, *arguments, **chosen)
    expected = [len(images), *images.shape[2:]]
    if not isinstance(maps, Tensor) or list(maps.shape) != expected:
        returned = list(maps.shape) if isinstance(maps, Tensor) else type(maps).__name__
        raise InputError(f"{name}: returns {returned}; valid: maps {expected}, [B, H, W]")
    return clip_maps(maps.detach(), list(keys))


def _baseline(black: Tensor, images: Tensor) -> Tensor:
    """Return a copy of the black image that autograd accepts.

    Raises:
        ValueError: its shape is not that of one image.
    """
    expected = [1, *images.shape[1:]]
    if list(black.shape) != expected:
        raise ValueError(f"black of shape {list(black.shape)}, expected {expected}")
    with torch.inference_mode(False):
        return black.clone()


def _clipped(
    magnitudes: Callable[[MapInput], Tensor], map_input: MapInput, keys: Sequence[str] | None
) -> Tensor:
    """Return the magnitudes [B, H, W] of a frozen model, clipped to [0, 1] per image."""
    names = map_input.names_of(keys)
    prepared = map_input.outside_inference_mode()
    with torch.inference_mode(False), torch.no_grad(), frozen(map_input.model), full_precision():
        return clip_maps(magnitudes(prepared), names)
