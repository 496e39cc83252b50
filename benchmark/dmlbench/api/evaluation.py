"""Evaluate models from a program: a reference, a network in memory, or several of them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, TypeAlias, overload

from pydantic import ValidationError

from dmlbench.api.evaluated import Evaluation
from dmlbench.evaluation.several import evaluate_models
from dmlbench.models import EmbeddingModel, LoadedModel, ModelOptions
from dmlbench.models.execution import pick_device
from dmlbench.results.files import Settings
from dmlbench.saliency import method_named, resolve_precision
from dmlbench.sources import ImageSource, open_source
from dmldata.common.errors import InputError
from dmldata.common.output import say
from dmldata.common.strict import explain

Model: TypeAlias = str | Path | EmbeddingModel | LoadedModel
"""A reference as for `dmlbench evaluate`, a network in memory, or a model that is loaded."""


@overload
def evaluate(model: Model, data: str | Path | ImageSource = ..., **options: Any) -> Evaluation: ...
@overload
def evaluate(
    model: Sequence[Model], data: str | Path | ImageSource = ..., **options: Any
) -> list[Evaluation]: ...
def evaluate(
    model: Model | Sequence[Model],
    data: str | Path | ImageSource = "package:paper",
    *,
    out: str | Path = "results",
    name: str | None = None,
    preprocessing: object | None = None,
    input_size: int | tuple[int, int] | None = None,
    loss: str | None = None,
    quiet: bool = False,
    **settings: Any,
) -> Evaluation | list[Evaluation]:
    """Measure models on one dataset, as `dmlbench evaluate` does, with the same defaults.

    Parts that exist in `out` with the same settings are reused.

    Args:
        model: a reference (`model.pt`, `timm:NAME`, ...), a network in memory (a module, of which
            a copy is measured, or a function from images [B, 3, H, W] to embeddings [B, D]), a
            model that `load_model` returned, or a list of these.
        data: a set that comes with the package (`paper`, `sample`, `train196`), a folder, a URL,
            `hf://owner/name`, or what `dmlbench.sources.open_source` returned.
        out: folder that receives the results of all models.
        name: name of the model in tables, if there is one; by default that of its class or file.
        preprocessing: of a network in memory: torchvision transforms, a data config of timm, a
            processor of transformers or a `dmlbench.models.Preprocessing`; by default what timm
            stored in the network, else ImageNet's.
        input_size: side or (H, W) of the model's input in pixels; by default its own.
        loss: the loss it was trained with, which decides the distance that maps explain.
        quiet: print nothing, and show no progress bars.
        settings: fields of `dmlbench.results.files.Settings`, such as `maps=8` or `device="cuda"`.

    Returns:
        An `Evaluation`, or a list of them for a list of models.

    Raises:
        InputError: a setting, the dataset or the name is not valid.
        ModelError, DatasetError: a model or the dataset cannot be read, or breaks the contract.

    ```python
    mine = dmlbench.evaluate(network, "paper", maps=8)  # a module in memory
    both = dmlbench.evaluate(["model.pt", "timm:resnet50"], "paper", out="results")
    ```
    """
    several = isinstance(model, Sequence) and not isinstance(model, str)
    models: list[Any] = list(model) if several else [model]  # type: ignore[arg-type]
    if name is not None and len(models) != 1:
        raise InputError(f"name {name}: names one model, and {len(models)} are given")
    chosen = _settings(settings)
    dataset = open_source(str(data)) if isinstance(data, str | Path) else data
    results = evaluate_models(
        [str(item) if isinstance(item, Path) else item for item in models],
        dataset,
        Path(out).expanduser(),
        chosen,
        ModelOptions(loss=loss, input_size=input_size, seed=chosen.seed),
        preprocessing=preprocessing,
        name=name,
        say=_say_nothing if quiet else say,
        quiet=quiet,
    )
    evaluations = [Evaluation(result, dataset) for result in results]
    return evaluations if several else evaluations[0]


def _settings(settings: dict[str, Any]) -> Settings:
    """Return the settings, checked before anything is loaded."""
    if isinstance(settings.get("only"), list):
        settings = settings | {"only": tuple(settings["only"])}
    try:
        chosen = Settings(**settings)
    except ValidationError as reason:
        raise InputError(f"evaluate: {explain(reason, Settings)}") from None
    method_named(chosen.method)
    resolve_precision(chosen.precision, pick_device(chosen.device))
    return chosen


def _say_nothing(_: str) -> None:
    pass
