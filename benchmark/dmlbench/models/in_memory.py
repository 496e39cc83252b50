"""A network that a program has in memory, as a notebook or a training loop does."""

from __future__ import annotations

import copy

from torch import nn
from torch.nn.parameter import is_lazy

from dmlbench.models.captured import captured_tensors
from dmlbench.models.contract import EmbeddingModel, LoadedModel, make_id
from dmlbench.models.options import ModelOptions
from dmlbench.models.preprocessing import Preprocessing
from dmlbench.models.preprocessing_of import preprocessing_from, preprocessing_of
from dmlbench.models.weights import hash_tensors
from dmlbench.user_code import error_line
from dmldata.common.errors import ModelError


def in_memory(
    network: EmbeddingModel, preprocessing: object | None, options: ModelOptions
) -> LoadedModel:
    """Return a network of the caller as a model; the network itself is left as it is.

    Measured is a copy on the CPU, in eval mode, so that the network can be trained on meanwhile. A
    function is called as it is.

    Args:
        network: images [B, 3, H, W] -> embeddings [B, D].
        preprocessing: see `preprocessing_from`; None: the network's own, as those of timm have
            one, else ImageNet's, which a note says.

    Raises:
        ModelError: it is no network, or one that is lazy or cannot be copied; or the preprocessing
            is not known.
    """
    if not callable(network):
        raise ModelError(
            f"{type(network).__name__} {network!r:.40}: is no model; valid: a reference as text, a "
            "module, or a function from images [B, 3, H, W] to embeddings [B, D]"
        )
    name = type(network).__name__ if isinstance(network, nn.Module) else _name_of(network)
    weights, model = "", network
    if isinstance(network, nn.Module):
        if any(map(is_lazy, network.parameters())):
            raise ModelError(f"{name}: the network is lazy; run it once before it is measured")
        model = _copied(network, name)
        weights = hash_tensors(model.state_dict())
    elif captured := captured_tensors(network):
        weights = hash_tensors(captured)
    chosen, notes = choose_preprocessing(network, preprocessing, options, name)
    loss, distance = options.explained_by(None, "")
    return LoadedModel(
        model=model,
        preprocessing=chosen,
        reference=f"in memory: {name}",
        id=make_id(name, weights, chosen),
        loss=loss,
        distance=distance,
        notes=notes,
    )


def choose_preprocessing(
    network: EmbeddingModel, described: object | None, options: ModelOptions, name: str
) -> tuple[Preprocessing, tuple[str, ...]]:
    """Return the preprocessing of a network in memory, and a note on what was assumed of it.

    Args:
        described: see `in_memory`.
        name: name of the network, for the note.

    Raises:
        ModelError: the preprocessing is not known.
    """
    known = preprocessing_of(network) if described is None else preprocessing_from(described)
    assumed = () if known is not None else options.assumed()
    notes = (
        (f"{name}: ImageNet's preprocessing assumed for {', '.join(assumed)}",) if assumed else ()
    )
    return options.apply(known or Preprocessing()), notes


def _copied(network: nn.Module, name: str) -> nn.Module:
    try:
        return copy.deepcopy(network).cpu().eval()
    except Exception as error:
        raise ModelError(
            f"{name}: cannot be copied ({error_line(error)}); valid: a network without hooks or "
            "tensors of a graph, or a function that calls it"
        ) from error


def _name_of(function: object) -> str:
    name = getattr(function, "__name__", type(function).__name__)
    return "function" if name == "<lambda>" else name
