"""`python:module:function`: a model that a Python function returns. It runs the user's code."""

from __future__ import annotations

import dataclasses
import hashlib
import importlib
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from torch import nn
from torch.nn.parameter import is_lazy

from dmlbench.models.contract import LoadedModel, make_id, one_line
from dmlbench.models.execution import seeded, working_directory_importable
from dmlbench.models.options import ModelOptions
from dmlbench.models.preprocessing import Preprocessing
from dmlbench.models.torchvision_schemas import ensure_torchvision_imports
from dmlbench.models.weights import hash_tensors
from dmldata.common.errors import ModelError
from dmldata.common.files import sha256_of


def load(reference: str, options: ModelOptions) -> LoadedModel:
    """Call the function and return its model.

    The function may return a model, a LoadedModel, or (model, Preprocessing). Modules of the
    working directory can be imported. Random weights that the function draws come from
    `options.seed`.

    Raises:
        ModelError: the module or function is missing, fails, or returns something else.
    """
    module, separator, name = reference.removeprefix("python:").partition(":")
    if not (module and separator and name):
        raise ModelError(f"{reference}: expected python:module:function")
    ensure_torchvision_imports()
    with working_directory_importable(), seeded(options.seed):
        function = _find_function(module, name, reference)
        try:
            returned = function()
        except (Exception, SystemExit) as error:
            raise ModelError(f"{reference}: the function fails: {one_line(error)}") from error
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


def _find_function(module: str, name: str, reference: str) -> Callable[[], Any]:
    try:
        imported = importlib.import_module(module)
    except (Exception, SystemExit) as error:
        raise ModelError(
            f"{reference}: '{module}' cannot be imported (from {Path.cwd()} or installed "
            f"packages): {one_line(error)}"
        ) from error
    function = getattr(imported, name, None)
    if not callable(function):
        raise ModelError(f"{reference}: '{module}' has no function '{name}'")
    return function


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
    # The behavior of a network depends on its source code as well as on its weights.
    source = getattr(sys.modules.get(function.__module__), "__file__", None)
    content = sha256_of(Path(source)) if source else ""
    return hashlib.sha256(f"{reference}\n{content}\n{weights}".encode()).hexdigest()
