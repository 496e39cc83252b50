"""Cascading randomization: whether a map survives when what the model has learned is gone.

The layers are randomized from the top down, and the map is made again after each stage. A map
that stays the same does not depend on the randomized layers, and explains nothing of them. Source:
protocol, section 8; Adebayo et al., "Sanity Checks for Saliency Maps", NeurIPS 2018.

Captum has no such test, and Quantus (0.6) randomizes modules by their own `reset_parameters`.
Modules of TorchScript and exported programs have none, so tensors are drawn here, by their names
and shapes.
"""

from __future__ import annotations

import copy
import dataclasses
import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor, nn

from dmlbench.models.contract import EmbeddingModel, LoadedModel, run_model
from dmlbench.models.execution import evaluated, move_model, pick_device
from dmlbench.saliency.compute import MapSettings, explain_images
from dmlbench.saliency.noise import noise_generator
from dmlbench.user_code import error_line
from dmldata.common.errors import ModelError

STAGES = 4
"""Number of stages: a quarter of the layers more is randomized in each."""

_RUNNING = ("running_mean", "running_var")
_ZERO = ("bias", "beta", "running_mean")

Module = TypeVar("Module", bound=nn.Module)


@dataclass(frozen=True)
class Stage:
    """One stage of the cascade.

    Attributes:
        layers: number of layers that are randomized, from the top on.
        all_layers: number of layers with parameters.
        lowest: name of the lowest of them.
    """

    layers: int
    all_layers: int
    lowest: str


@dataclass(frozen=True)
class RandomizedMaps:
    """Maps float32 [S, N, H, W] in [0, 1] of N images after each of S stages."""

    stages: tuple[Stage, ...]
    maps: NDArray[np.float32]


def randomization_stages(model: EmbeddingModel) -> tuple[Stage, ...]:
    """Return the stages of a model's cascade, at most STAGES.

    A layer is a module that holds parameters itself. The order of layers is that in which the
    module registers them, the top last.

    Raises:
        ModelError: the model is a function, or holds no parameters.

    >>> [stage.lowest for stage in randomization_stages(nn.Sequential(nn.Linear(2, 2), nn.ReLU()))]
    ['0']
    """
    if not isinstance(model, nn.Module):
        raise ModelError("the model is a function whose layers cannot be seen")
    names = list(_tensors_by_layer(model))
    if not names:
        raise ModelError("the model holds no parameters that could be randomized")
    counts = sorted({math.ceil(len(names) * stage / STAGES) for stage in range(1, STAGES + 1)})
    return tuple(Stage(count, len(names), names[-count]) for count in counts)


def randomized_copies(model: Module, seed: int) -> Iterator[Module]:
    """Yield a copy of a module after each stage of the cascade; the module itself is not changed.

    It is one copy that is randomized further from stage to stage. Weights are drawn from He's
    normal distribution (standard deviation sqrt(2 / inputs)), biases become 0, scales 1, and
    running statistics mean 0 and variance 1. Each tensor is drawn on the CPU from a generator
    seeded by (seed, its name), so that the copies are the same on any machine.

    Raises:
        ModelError: the module cannot be copied or changed, or holds no parameters.

    >>> network = nn.Sequential(nn.Linear(2, 2), nn.Linear(2, 2))
    >>> top, both = (copied[0].weight.clone() for copied in randomized_copies(network, seed=0))
    >>> torch.equal(top, network[0].weight), torch.equal(both, network[0].weight)
    (True, False)
    """
    stages = randomization_stages(model)
    try:
        # TorchScript copies parameters by an operation that autograd would record.
        with torch.no_grad():
            copied = copy.deepcopy(model)
    except Exception as error:
        raise ModelError(f"the model cannot be copied: {error_line(error)}") from error
    tensors_by_layer = list(_tensors_by_layer(copied).values())[::-1]
    done = 0
    for stage in stages:
        for tensors in tensors_by_layer[done : stage.layers]:
            for name, tensor in tensors.items():
                _randomize(name, tensor, seed)
        done = stage.layers
        yield copied


def randomized_maps(
    loaded: LoadedModel,
    images: Sequence[Image.Image],
    keys: Iterable[str],
    settings: MapSettings,
    *,
    seed: int = 0,
) -> RandomizedMaps:
    """Return the maps of images after each stage of the cascade, with the noise of the model's own.

    Args:
        loaded: model from `load_model`; it is not changed.
        images: PIL images of any size.
        keys: keys of the images, which seed the noise.
        settings: how maps are made; see `saliency_maps`.
        seed: seed of the random weights.

    Raises:
        ModelError: the model's layers cannot be randomized, its embeddings do not depend on them,
            or a map of a randomized copy is not finite.

    ```python
    maps = randomized_maps(model, images, keys, MapSettings(method="gradient"))
    maps.stages, maps.maps.shape  # names of S stages, [S, N, H, W]
    ```
    """
    stages, names = randomization_stages(loaded.model), list(keys)
    assert isinstance(loaded.model, nn.Module)
    before, maps = _embedding(loaded, images[0], settings.device), []
    for copied in randomized_copies(loaded.model, seed):
        randomized = dataclasses.replace(loaded, model=copied)
        maps.append(explain_images(randomized, images, names, settings).maps)
    if torch.equal(before, _embedding(randomized, images[0], settings.device)):
        raise ModelError(
            "embeddings do not change with the model's parameters, as where weights are constants"
        )
    return RandomizedMaps(stages, np.stack(maps))


def _embedding(loaded: LoadedModel, image: Image.Image, device: str) -> Tensor:
    place = pick_device(device)
    move_model(loaded.model, place)
    with evaluated(loaded.model), torch.no_grad():
        return run_model(loaded.model, loaded.preprocessing.to_tensor(image)[None].to(place))


def _tensors_by_layer(model: nn.Module) -> dict[str, dict[str, Tensor]]:
    """Return the parameters and running statistics of each layer by their full names."""
    statistics = {name: tensor for name, tensor in model.named_buffers() if name.endswith(_RUNNING)}
    tensors_by_layer: dict[str, dict[str, Tensor]] = {}
    for name, tensor in (dict(model.named_parameters()) | statistics).items():
        tensors_by_layer.setdefault(name.rpartition(".")[0], {})[name] = tensor
    order = {name: place for place, (name, _) in enumerate(model.named_modules())}
    return dict(sorted(tensors_by_layer.items(), key=lambda layer: order.get(layer[0], len(order))))


def _randomize(name: str, tensor: Tensor, seed: int) -> None:
    if not tensor.is_floating_point():
        return
    if tensor.ndim >= 2:
        drawn = torch.empty(tensor.shape)
        nn.init.kaiming_normal_(
            drawn, nonlinearity="relu", generator=noise_generator(seed, f"weights:{name}")
        )
    else:
        drawn = torch.full(tensor.shape, float(not name.endswith(_ZERO)))
    try:
        with torch.inference_mode(False), torch.no_grad():
            tensor.copy_(drawn)
    except RuntimeError as error:
        raise ModelError(f"parameter {name} cannot be changed: {error_line(error)}") from error
