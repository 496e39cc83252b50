"""Evaluate several models on one dataset, one after the other."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path

from dmlbench.evaluation.executor import open_executor
from dmlbench.evaluation.executor_settings import LOCAL, ExecutorSettings
from dmlbench.evaluation.model_evaluation import evaluate_model
from dmlbench.models import EmbeddingModel, LoadedModel, ModelOptions, load_model
from dmlbench.results import Result
from dmlbench.results.files import Settings
from dmlbench.sources import ImageSource
from dmldata.common.errors import InputError
from dmldata.common.output import Say, say


def evaluate_models(
    references: Sequence[str | EmbeddingModel | LoadedModel],
    dataset: ImageSource,
    out: Path,
    settings: Settings,
    options: ModelOptions,
    *,
    preprocessing: object | None = None,
    executor: ExecutorSettings = LOCAL,
    name: str | None = None,
    say: Say = say,
    quiet: bool = False,
) -> Iterator[Result]:
    """Evaluate models, and yield the result of each as soon as it is finished.

    If there are several, each is loaded once before any is measured, so that a wrong reference is
    reported at once and not after hours.

    Args:
        references: the models, as for `load_model`.
        options: how to load the models, the same for every model.
        preprocessing: of networks in memory; see `load_model`.
        executor: where the work on the images runs.
        name: name of the model in tables, if there is only one model; see `evaluate`.

    Raises:
        InputError: two references are to the same model.
        ModelError, DatasetError, PrismError: see `evaluate`.
    """
    load = partial(load_model, preprocessing=preprocessing, options=options)
    if len(references) > 1:
        _check_all(references, load)
    for reference in references:
        loaded = load(reference)
        if len(references) > 1:
            say(f"model: {loaded.reference}")
        with open_executor(executor, loaded, dataset, options, settings.device) as crew:
            yield evaluate_model(
                loaded, dataset, out, settings, executor=crew, name=name, say=say, quiet=quiet
            )


def _check_all(
    references: Sequence[str | EmbeddingModel | LoadedModel], load: Callable[..., LoadedModel]
) -> None:
    reference_of: dict[str, str] = {}
    for loaded in map(load, references):
        if loaded.id in reference_of:
            raise InputError(
                f"{loaded.reference}: is the same model as {reference_of[loaded.id]}; "
                "valid: each model once"
            )
        reference_of[loaded.id] = loaded.reference
