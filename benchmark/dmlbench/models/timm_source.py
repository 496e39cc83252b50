"""`timm:NAME[?pretrained=false&seed=1&weights=FILE]`: a timm network without its classifier."""

from __future__ import annotations

import warnings
from typing import Any

from torch import nn

from dmlbench.models.architecture import Architecture, Query, fill, parse_query
from dmlbench.models.contract import LoadedModel, make_id, unknown_network
from dmlbench.models.execution import seeded
from dmlbench.models.options import ModelOptions
from dmlbench.models.preprocessing_of import of_timm
from dmlbench.models.torchvision_schemas import ensure_torchvision_imports
from dmlbench.models.weights import hash_tensors
from dmlbench.user_code import error_line
from dmldata.common.errors import ModelError, UnknownNameError
from dmldata.common.hub_access import offline_if_hub_is_silent

_HUBS = ("hf-hub:", "hf_hub:", "local-dir:")
"""Prefixes of names that timm itself resolves, in a Hub repository or in a folder."""


def load(reference: str, options: ModelOptions) -> LoadedModel:
    """Load the model that `timm:...` names, in eval mode: images -> pooled features [B, D].

    Raises:
        ModelError: unknown architecture (with close matches), or weights that cannot be loaded or
            do not fit; UnknownNameError for an unknown option.
    """
    query = parse_query(reference, options.seed)
    _check_name(query.name)
    arguments = {} if options.input_size is None else _fixed_size(query.name, options.input_size)
    model = _build(query, reference, arguments)
    preprocessing, notes = of_timm(_config(model))
    preprocessing = options.apply(preprocessing)
    if query.weights is not None:
        model, weight_notes = fill(_architecture(model, query, arguments), query, reference)
        notes += weight_notes
    loss, distance = options.explained_by(None, "")
    return LoadedModel(
        model=model.eval(),
        preprocessing=preprocessing,
        reference=reference,
        id=make_id(query.name, hash_tensors(model.state_dict()), preprocessing),
        loss=loss,
        distance=distance,
        notes=notes,
    )


def create_trunk(name: str, size: tuple[int, int], reference: str) -> nn.Module:
    """Create the network of this name with random weights, without its classifier.

    Args:
        size: (H, W) of the input in pixels.

    Raises:
        ModelError, UnknownNameError: no such architecture, or timm cannot build it for this size.
    """
    _check_name(name, hubs=False)
    return _build(Query(name, False, 0), reference, _fixed_size(name, size))


def _check_name(name: str, *, hubs: bool = True) -> None:
    timm = _timm()
    if hubs and name.startswith(_HUBS):
        return
    architecture, dot, tag = name.partition(".")
    if timm.is_model(name):
        tags = [full.partition(".")[2] for full in timm.list_pretrained(f"{architecture}.*")]
        if dot and tag not in tags:
            raise UnknownNameError("weights tag", tag, tags, f"timm:{name}")
        return
    raise unknown_network("timm", name, timm.list_models(), "timm.list_models()")


def _build(query: Query, reference: str, arguments: dict[str, Any]) -> nn.Module:
    try:
        if not query.pretrained:
            return _create(query, pretrained=False, num_classes=0, **arguments)
        with offline_if_hub_is_silent():
            return _create(query, pretrained=True, num_classes=0, **arguments)
    except Exception as error:
        if not query.pretrained:
            raise ModelError(f"{reference}: timm cannot build it: {error_line(error)}") from error
        raise ModelError(
            f"{reference}: its pretrained weights cannot be loaded ({error_line(error)}); use "
            f"local weights, timm:{query.name}?weights=FILE, or random ones, "
            f"timm:{query.name}?pretrained=false"
        ) from error


def _create(query: Query, **arguments: Any) -> nn.Module:
    with seeded(query.seed), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model: nn.Module = _timm().create_model(query.name, **arguments)
    return model


def _fixed_size(name: str, size: int | tuple[int, int]) -> dict[str, Any]:
    # Transformers are built for one input size; convolutional networks take any.
    config = _timm().get_pretrained_cfg(name, allow_unregistered=True)
    return {"img_size": size} if config is not None and config.fixed_input_size else {}


def _architecture(model: nn.Module, query: Query, arguments: dict[str, Any]) -> Architecture:
    config = _config(model)
    classifier = config.get("classifier") or "head"
    return Architecture(
        body=model,
        with_classifier=lambda classes: _create(query, num_classes=classes, **arguments).eval(),
        head=classifier if isinstance(classifier, str) else classifier[0],
        classes=int(config["num_classes"]),
    )


def _config(model: nn.Module) -> dict[str, Any]:
    config: dict[str, Any] = vars(model)["pretrained_cfg"]
    return config


def _timm() -> Any:
    ensure_torchvision_imports()
    import timm

    return timm
