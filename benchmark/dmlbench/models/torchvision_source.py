"""`torchvision:NAME[?weights=FILE&...]`: a torchvision network without its classifier."""

from __future__ import annotations

from typing import Any

from torch import nn

from dmlbench.models.architecture import Architecture, Query, fill, parse_query
from dmlbench.models.contract import LoadedModel, make_id, unknown_network
from dmlbench.models.execution import seeded
from dmlbench.models.options import ModelOptions
from dmlbench.models.preprocessing_of import of_torchvision
from dmlbench.models.torchvision_schemas import ensure_torchvision_imports
from dmlbench.models.weights import hash_tensors
from dmlbench.user_code import error_line
from dmldata.common.errors import ModelError

CLASSES = 1000
_INCEPTIONS = ("googlenet", "inception_v3")
"""Networks whose weights of the library come from another one, for which they change the input
that `transforms()` makes; and that have classifiers for training alone."""


def load(reference: str, options: ModelOptions) -> LoadedModel:
    """Load the model that `torchvision:...` names, in eval mode, without its classifier.

    It maps images to the inputs [B, D] of the classifier.

    Raises:
        ModelError: an unknown architecture, or weights that cannot be loaded or do not fit;
            UnknownNameError for an unknown option.
    """
    query = parse_query(reference, options.seed)
    models = _models()
    names = models.list_models(module=models)
    if query.name not in names:
        raise unknown_network("torchvision", query.name, names, "torchvision.models.list_models()")
    body = _create(query, CLASSES, reference)
    head = _classifier(body, reference)
    body.set_submodule(head, nn.Identity())
    architecture = Architecture(
        body=body,
        with_classifier=lambda classes: _create(query, classes, reference),
        head=head,
        classes=CLASSES,
        unused=("aux1.", "aux2.", "AuxLogits.") if query.name in _INCEPTIONS else (),
    )
    notes: tuple[str, ...] = ()
    if query.weights is not None:
        body, notes = fill(architecture, query, reference)
        if query.name in _INCEPTIONS:
            notes = (*notes, "the input is changed as for torchvision's own weights")
    preprocessing = options.apply(
        of_torchvision(_models().get_model_weights(query.name).DEFAULT.transforms())
    )
    loss, distance = options.explained_by(None, "")
    return LoadedModel(
        model=body.eval(),
        preprocessing=preprocessing,
        reference=reference,
        id=make_id(query.name, hash_tensors(body.state_dict()), preprocessing),
        loss=loss,
        distance=distance,
        notes=notes,
    )


def _create(query: Query, classes: int, reference: str) -> nn.Module:
    models = _models()
    options: dict[str, Any] = {} if query.pretrained else {"num_classes": classes}
    if query.name in _INCEPTIONS and query.weights is not None:
        # A file is taken for the library's own weights, or for a training that began with them.
        options |= {"transform_input": True, "aux_logits": False, "init_weights": False}
    try:
        with seeded(query.seed):
            network: nn.Module = models.get_model(
                query.name, weights="DEFAULT" if query.pretrained else None, **options
            )
    except Exception as error:
        raise ModelError(
            f"{reference}: torchvision cannot build it ({error_line(error)}); use local weights, "
            f"torchvision:{query.name}?weights=FILE, or random ones, "
            f"torchvision:{query.name}?pretrained=false"
        ) from error
    return network.eval()


def _classifier(network: nn.Module, reference: str) -> str:
    """Return the name of the last linear layer."""
    linear = [name for name, module in network.named_modules() if isinstance(module, nn.Linear)]
    if not linear:
        raise ModelError(
            f"{reference}: has no linear classifier to leave out; valid: a function of your own, "
            "python:module:function"
        )
    return linear[-1]


def _models() -> Any:
    ensure_torchvision_imports()
    import torchvision.models

    return torchvision.models
