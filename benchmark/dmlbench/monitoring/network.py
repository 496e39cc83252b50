"""Use a network in the middle of its training without changing it."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from dmlbench.models.adapt import FittedModel, choose_output, reads_channels_last
from dmlbench.models.contract import run_model
from dmlbench.models.execution import evaluated, full_precision, seeded
from dmldata.common.errors import ModelError


class MeasuredNetwork(FittedModel):
    """A network with what it needs to map float32 images to float32 embeddings.

    Args:
        dtype: type of the network's weights, half precision for instance.
        output, contiguous: see `FittedModel`.
    """

    def __init__(
        self, network: nn.Module, dtype: torch.dtype, output: str | None, contiguous: bool
    ) -> None:
        super().__init__(network, output, None, contiguous)
        self.dtype = dtype

    def forward(self, images: Tensor) -> Tensor:
        """Embed preprocessed images [B, 3, H, W] -> [B, D], both float32."""
        return super().forward(images.to(self.dtype)).float()


def bare_network(network: object) -> nn.Module:
    """Return a network without what runs it on several devices, compiles it or sets its precision.

    The first two would wait for other processes, or compile again for images that are not trained
    on.

    Raises:
        ModelError: it is no module.

    >>> bare_network(nn.DataParallel(nn.Flatten()))
    Flatten(start_dim=1, end_dim=-1)
    """
    if not isinstance(network, nn.Module):
        raise ModelError(
            f"{type(network).__name__} {network!r:.40}: cannot be monitored; valid: a module that "
            "maps images [B, 3, H, W] to embeddings [B, D]"
        )
    if isinstance(network, nn.DataParallel | nn.parallel.DistributedDataParallel):
        return bare_network(network.module)
    if type(network).__name__ == "_FabricModule":  # of Lightning; it computes in its own precision
        return bare_network(network.module)
    compiled = getattr(network, "_orig_mod", None)
    return network if compiled is None else bare_network(compiled)


def device_of(network: nn.Module) -> torch.device:
    """Return the device of a network's first tensor; the CPU if it has none."""
    tensors = itertools.chain(network.parameters(), network.buffers())
    return next((tensor.device for tensor in tensors), torch.device("cpu"))


@contextmanager
def measured(network: nn.Module, images: Tensor) -> Iterator[MeasuredNetwork]:
    """Yield a network as a model in eval mode, without autocast and gradients.

    Afterwards the mode of every submodule and all random states are as before. The network stays
    on its device.

    Args:
        network: from `bare_network`.
        images: [B, 3, H, W] preprocessed images, B >= 1, to try it on.

    Raises:
        ModelError: it fails on the images, or it is not clear what it returns is the embedding.
    """
    place, name = device_of(network), type(network).__name__
    floats = (p.dtype for p in network.parameters() if p.is_floating_point())
    dtype = next(floats, torch.float32)
    devices = [place] if place.type == "cuda" else []
    with (
        torch.random.fork_rng(devices),
        seeded(0),
        evaluated(network),
        # Lightning validates in inference mode, where a network may store tensors that it could
        # not be trained with afterwards.
        torch.inference_mode(False),
        torch.no_grad(),
        torch.autocast(place.type, enabled=False),
    ):
        sample = images[:2].to(place)
        try:
            returned = run_model(network, sample.to(dtype))
        except ModelError as error:
            raise ModelError(f"{name}: {error}") from error
        output = choose_output(returned, None, name)
        model = MeasuredNetwork(network, dtype, output, False).eval()
        model.contiguous = not reads_channels_last(model, sample)
        yield model


def embed_tensors(model: MeasuredNetwork, images: Tensor, batch_size: int) -> NDArray[np.float32]:
    """Return the embeddings [N, D] of preprocessed images [N, 3, H, W] on any device.

    Raises:
        ModelError: the model does not return one finite row per image.
    """
    place, name = device_of(model), type(model.model).__name__
    rows = []
    with full_precision():
        for batch in images.split(batch_size):
            # On a CPU nearly twice as fast as the images' own layout.
            embeddings = run_model(model, batch.to(place, memory_format=torch.channels_last))
            if embeddings.ndim != 2 or len(embeddings) != len(batch):
                raise ModelError(
                    f"{name}: returns {list(embeddings.shape)} for {len(batch)} images, expected "
                    "[B, D]"
                )
            rows.append(embeddings.cpu().numpy())
    whole = np.concatenate(rows)
    broken = int((~np.isfinite(whole).all(axis=1)).sum())
    if broken:
        raise ModelError(
            f"{name}: the embeddings of {broken} of {len(whole)} images are not finite: training "
            "diverged"
        )
    return whole
