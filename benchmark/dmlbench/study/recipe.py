"""Study recipes: the losses and folds to train, and the datasets to measure on."""

from __future__ import annotations

from collections.abc import Iterator
from importlib import resources
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, ValidationInfo, field_validator, model_validator

from dmlbench.losses import GROUPS, LOSSES, loss_named, without_controls
from dmldata.common.documents import load_document
from dmldata.common.errors import InputError, UnknownNameError
from dmldata.common.strict import StrictModel

ALL = "all"
RECIPES = resources.files("dmlbench.study") / "recipes"
OWN = {"loss", "fold", "out", "name", "start_seed"}
"""Settings of a training that the study sets itself."""

OF_DATA = {"data", "label", "labels", "properties"}
"""Options of a training that are about its images."""

SHARED = OF_DATA | {"split", "folds", "trunk", "seed"}
"""Options of a training that are the same for all losses, as they decide what is compared."""

Fold = Annotated[int, Field(ge=0)]
Some = Annotated[int, Field(ge=1)]
Model = tuple[str, int]
"""A loss and a fold."""
ConditionName = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*$")]


class Images(StrictModel):
    """Images that models are measured on.

    The fields are arguments of `dmlbench.sources.open_source`; `data` is its `url`, relative to the
    working directory.
    """

    data: str
    split: str | None = None
    labels: str | None = None
    properties: str | None = None

    def options(self) -> dict[str, str | None]:
        """Return the options of `open_source`."""
        return {"split": self.split, "labels": self.labels, "properties": self.properties}


class ClassImages(Images):
    """Images whose classes are retrieved.

    Attributes:
        label: properties to use as classes; each is retrieved among all images that have a value
            of it. By default the label of `dmlbench train`.
    """

    label: tuple[str, ...] = ()


class MapImages(Images):
    """Images whose saliency maps are compared.

    Attributes:
        images: number of images by fold; a smaller number is a subset of a larger one.
        samples, method: as for `dmlbench evaluate`.
        other_methods: further methods, whose maps of the fold with most images are compared, too.
        faithfulness: number of images whose maps are checked, in that fold; see
            `dmlbench evaluate --faithfulness`.
    """

    images: dict[Fold, Some] = Field(default={0: 100}, min_length=1)
    samples: int = Field(default=50, ge=1)
    method: str = "smoothgrad_paper"
    other_methods: tuple[str, ...] = ()
    faithfulness: int = Field(default=0, ge=0)


class Search(StrictModel):
    """Budget of the search for learning rates, the same for every loss; see `search`.

    Attributes:
        trials: number of trainings of each loss that are begun; the first has the rates of the
            profile, and the best goes on as the model of the study.
        steps: number of steps of each, rounded up to an epoch that is validated.
        fold: fold on whose validation classes they are compared, one of the study.
        factor: largest factor between a rate and that of the profile.
    """

    trials: int = Field(default=3, ge=1)
    steps: int = Field(ge=1)
    fold: Fold = 0
    factor: float = Field(default=3.0, gt=1)


class Condition(StrictModel):
    """Trainings that differ from those of the study in some options.

    Attributes:
        losses: the losses trained so, among those of the study.
        folds: folds of each; by default the first of the study.
        training: options of `dmlbench train` that replace those of the study.
    """

    losses: tuple[str, ...] = Field(min_length=1)
    folds: tuple[Fold, ...] = ()
    training: dict[str, Any] = Field(min_length=1)


def _without_data(options: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in options.items() if name not in OF_DATA}


class StudyRecipe(StrictModel):
    """Recipe of a study.

    Attributes:
        losses: keys of the protocol's section 6, `paper` for the fourteen of the paper, or `all`.
        controls: untrained controls to include: `none` and `random`.
        folds: folds of each loss.
        training: options of `dmlbench train`.
        training_by_group: by group of losses, options that replace those of `training`, such as the
            length of the training.
        search: how learning rates are searched; by default they are those of the profile.
        conditions: by name, further trainings of some losses, which are compared with those of the
            study, loss by loss: other batches, another seed.
        model: used instead of `training`: reference of the model of {loss} and {fold}, as for
            `dmlbench evaluate`; controls are then left out.
        classes: images whose classes are retrieved.
        properties: images whose embeddings are scored by property.
        interventions: sweeps, each of another group of factors, which change that group alone.
        saliency: images whose maps are compared.
        equal_map_at_r: whether properties are compared at equal MAP@R on the validation classes,
            too, between the nearest checkpoints; see `trajectories`.
        least_gain: losses are left out of the comparison at equal MAP@R that in some fold do not
            reach so many times the untrained network's, as the weakest loss sets the level.
        further_gains: times the untrained network's MAP@R at which the losses that reach it are
            compared, too.
        require_learning: whether losses are left out whose MAP@R on `classes` is not above that of
            the untrained network by its paired interval.
        representations: whether the embeddings of all models are compared.
        trajectories: whether properties are scored at all checkpoints, those of conditions too.
        groups: file as for `--groups`; by default classification against ranking losses.
        seed: seed of the measurements.
    """

    name: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_-]*$")
    title: str
    description: str
    losses: Literal["all", "paper"] | tuple[str, ...]
    controls: tuple[str, ...] = ("none", "random")
    folds: tuple[Fold, ...] = Field(min_length=1)
    training: dict[str, Any] | None = None
    training_by_group: dict[str, dict[str, Any]] = Field(default_factory=dict)
    search: Search | None = None
    conditions: dict[ConditionName, Condition] = Field(default_factory=dict)
    model: str | None = None
    classes: ClassImages | None = None
    properties: Images
    interventions: tuple[Images, ...] = ()
    saliency: MapImages | None = None
    require_learning: bool = False
    representations: bool = False
    equal_map_at_r: bool = False
    least_gain: float | None = Field(default=None, gt=1)
    further_gains: tuple[Annotated[float, Field(gt=1)], ...] = ()
    trajectories: bool = False
    groups: str | None = None
    seed: int = Field(default=0, ge=0)

    @field_validator("losses", "controls")
    @classmethod
    def _check_losses(
        cls, losses: str | tuple[str, ...], field: ValidationInfo
    ) -> str | tuple[str, ...]:
        for loss in () if isinstance(losses, str) else losses:
            is_control = loss_named(loss).group == "control"
            if is_control != (field.field_name == "controls"):
                raise ValueError(f"{loss} is {'a' if is_control else 'no'} control")
        return losses

    @field_validator("losses", "controls", "folds")
    @classmethod
    def _check_once(cls, values: Any) -> Any:
        for value in values if isinstance(values, tuple) else ():
            if values.count(value) > 1:
                raise ValueError(f"{value} is there twice")
        return values

    @model_validator(mode="after")
    def _check(self) -> StudyRecipe:
        if (self.training is None) == (self.model is None):
            raise ValueError("training: either training or model says where models come from")
        for where, options in self._trainings():
            if reserved := sorted(OWN & options.keys()):
                raise ValueError(f"{where}: {reserved[0]} is given by the study itself")
            if not isinstance(options.get("hyperparameters", {}), dict):
                raise ValueError(f"{where}.hyperparameters: valid: names and numbers")
        if self.search is not None and self.training is None:
            raise ValueError("search: needs training, whose learning rates are searched")
        if self.require_learning and (
            self.training is None or self.classes is None or "none" not in self.controls
        ):
            raise ValueError("require_learning: needs training, classes, and none among controls")
        if self.require_learning and self.groups is not None:
            raise ValueError("require_learning: not with groups, which may name a loss left out")
        for name, condition in self.conditions.items():
            self._check_condition(name, condition)
        if self.training_by_group and self.training is None:
            raise ValueError("training_by_group: needs training")
        for group in self.training_by_group:
            if group not in GROUPS:
                raise ValueError(f"training_by_group: no group {group}; valid: {', '.join(GROUPS)}")
            if shared := sorted(SHARED & self.training_by_group[group].keys()):
                raise ValueError(
                    f"training_by_group.{group}: {shared[0]} is the same for all losses; valid: "
                    "in training"
                )
        if self.model is not None and "{loss}" not in self.model:
            raise ValueError("model: has to hold {loss}, as in models/{loss}-fold{fold}.pt")
        for name in ("equal_map_at_r", "trajectories"):
            if getattr(self, name) and not (self.training or {}).get("checkpoints"):
                raise ValueError(f"{name}: needs training: {{checkpoints: 10}}, or another number")
        if self.least_gain is not None and not self.equal_map_at_r:
            raise ValueError("least_gain: needs equal_map_at_r")
        if self.further_gains and not (self.equal_map_at_r and self.trajectories):
            raise ValueError("further_gains: needs equal_map_at_r and trajectories")
        for name in ("least_gain", "further_gains"):
            if getattr(self, name) and self.groups is not None:
                raise ValueError(f"{name}: not with groups, which may name a loss left out")
        for fold in self.saliency.images if self.saliency else ():
            if fold not in self.folds:
                raise ValueError(f"saliency.images: fold {fold} is not one of folds")
        return self

    def _trainings(self) -> Iterator[tuple[str, dict[str, Any]]]:
        """Yield the options of trainings with the names of their fields."""
        if self.training is not None:
            yield "training", self.training
        for group, options in self.training_by_group.items():
            yield f"training_by_group.{group}", options
        for name, condition in self.conditions.items():
            yield f"conditions.{name}.training", condition.training

    def training_of(self, loss: str) -> dict[str, Any]:
        """Return the options of the trainings of a loss, without what conditions change."""
        of_all = self.training or {}
        of_group = self.training_by_group.get(loss_named(loss).group, {})
        numbers = of_all.get("hyperparameters", {}) | of_group.get("hyperparameters", {})
        return {**of_all, **of_group, **({"hyperparameters": numbers} if numbers else {})}

    def _check_condition(self, name: str, condition: Condition) -> None:
        where = f"conditions.{name}"
        if self.training is None:
            raise ValueError(f"{where}: needs training")
        for loss in condition.losses:
            if loss not in without_controls(self.trained):
                raise ValueError(f"{where}.losses: {loss} is not one of the losses of the study")
        for fold in condition.folds:
            if fold not in self.folds:
                raise ValueError(f"{where}.folds: {fold} is not one of the folds of the study")

    def folds_of(self, condition: str) -> tuple[int, ...]:
        """Return the folds of a condition."""
        return self.conditions[condition].folds or self.folds[:1]

    def trained_on(self, data: str) -> StudyRecipe:
        """Return the same study, trained on other images and retrieving their test classes.

        Args:
            data: as for `dmlbench train --data`.

        Raises:
            InputError: the study trains nothing.
        """
        if self.training is None:
            raise InputError(
                f"study '{self.name}' trains no models, so it has no images to replace"
            )
        conditions = {
            name: condition.model_copy(update={"training": _without_data(condition.training)})
            for name, condition in self.conditions.items()
        }
        changes = {
            "training": _without_data(self.training) | {"data": data},
            "conditions": conditions,
            "classes": ClassImages(data=data, split="test"),
        }
        return self.model_copy(update=changes)

    @property
    def trained(self) -> tuple[str, ...]:
        """Keys of the trained losses, ordered by group."""
        if isinstance(self.losses, str):
            trained = [LOSSES[key] for key in without_controls(LOSSES)]
            chosen = [loss for loss in trained if loss.paper or self.losses == ALL]
        else:
            chosen = [loss_named(key) for key in self.losses]
        return tuple(loss.key for loss in sorted(chosen, key=lambda loss: loss.group))

    @property
    def compared(self) -> tuple[str, ...]:
        """Keys of the losses, followed by the controls if the study trains its models."""
        return (*self.trained, *(self.controls if self.model is None else ()))

    @property
    def maps(self) -> dict[int, int]:
        """Number of images with maps by fold."""
        return dict(self.saliency.images) if self.saliency else {}

    @property
    def most_maps(self) -> int | None:
        """The fold whose models have most maps; None without maps."""
        return max(self.maps, key=lambda fold: self.maps[fold]) if self.maps else None


def recipe_names() -> list[str]:
    """Return the names of the studies that come with the project."""
    return sorted(Path(file.name).stem for file in RECIPES.iterdir() if file.name.endswith(".yaml"))


def load_study(name: str) -> StudyRecipe:
    """Load a study of the project by name, or one from a `.yaml` file.

    Raises:
        UnknownNameError: there is no such study.
        InputError: the file cannot be read or is not valid; the error names file, line and field.

    >>> load_study("mini").losses
    ('contrastive', 'arcface', 'normalized_softmax')
    """
    if name in recipe_names():
        with resources.as_file(RECIPES / f"{name}.yaml") as path:
            return load_document(StudyRecipe, path)
    if not name.lower().endswith((".yaml", ".yml")):
        raise UnknownNameError("study", name, [*recipe_names(), "or the path of a .yaml file"])
    return load_document(StudyRecipe, Path(name))
