"""`python:module:function`: a model that a Python function returns. It runs the user's code."""

from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import Callable
from typing import Any

from torch import nn
from torch.nn.parameter import is_lazy

from dmlbench.models.captured import captured_tensors
from dmlbench.models.contract import LoadedModel, make_id
from dmlbench.models.execution import seeded
from dmlbench.models.options import ModelOptions
from dmlbench.models.preprocessing import Preprocessing
from dmlbench.models.torchvision_schemas import ensure_torchvision_imports
from dmlbench.models.weights import hash_tensors
from dmlbench.user_code import (
    error_line,
    import_function,
    source_sha256,
    split_python,
    working_directory_importable,
)
from dmldata.common.errors import ModelError


def load(reference: str, options: ModelOptions) -> LoadedModel:
    """Call the function and return its model.

    The function may return a model, a LoadedModel, or (model, Preprocessing). Modules of the
    working directory can be imported. Random weights that the function draws come from
    `options.seed`.

    Raises:
        ModelError: the module or function is missing, fails, or returns something else.
    """
    module, name = split_python(reference, ModelError)
    ensure_torchvision_imports()
    with seeded(options.seed), working_directory_importable():
        function = import_function(reference, ModelError)
        try:
            returned = function()
        except (Exception, SystemExit) as error:
            raise ModelError(f"{reference}: the function fails: {error_line(error)}") from error
    loaded = _as_loaded(returned, reference, options)
    preprocessing = options.apply(loaded.preprocessing)
    loss, distance = options.explained_by(loaded.loss, loaded.distance)
    if isinstance(loaded.model, nn.Module):
        loaded.model.eval()
    return dataclasses.replace(
        loaded,
        preprocessing=preprocessing,
        reference=reference,
        id=make_id(f"{module}_{name}", _hash(loaded.model, reference, function), preprocessing),
        loss=loss,
        distance=distance,
    )


def _as_loaded(returned: Any, reference: str, options: ModelOptions) -> LoadedModel:
    match returned:
        case LoadedModel():
            return returned
        case (model, Preprocessing() as preprocessing) if callable(model):
            return LoadedModel(model, preprocessing)
        case model if callable(model):
            assumed = options.assumed()
            note = (
                f"{reference} gives no preprocessing; ImageNet's assumed for {', '.join(assumed)}"
            )
            return LoadedModel(model, Preprocessing(), notes=(note,) if assumed else ())
    raise ModelError(
        f"{reference}: returns {type(returned).__name__}, expected a model, a LoadedModel or "
        "(model, Preprocessing)"
    )


def _hash(model: Any, reference: str, function: Callable[[], Any]) -> str:
    weights = ""
    if isinstance(model, nn.Module) and model.state_dict():
        if any(map(is_lazy, model.parameters())):
            raise ModelError(f"{reference}: the model is lazy; run it once before returning it")
        weights = hash_tensors(model.state_dict())
    elif captured := captured_tensors(model):
        weights = hash_tensors(captured)
    # The behavior of a network depends on its source code as well as on its weights.
    content = source_sha256(function)
    return hashlib.sha256(f"{reference}\n{content}\n{weights}".encode()).hexdigest()
