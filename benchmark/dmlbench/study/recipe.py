"""Study recipes: which losses and folds are trained, on what, and what is measured."""

from __future__ import annotations

from importlib import resources
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, field_validator, model_validator

from dmlbench.losses import LOSSES, loss_named
from dmldata.common.documents import load_document
from dmldata.common.errors import UnknownNameError
from dmldata.common.strict import StrictModel

ALL = "all"
RECIPES = resources.files("dmlbench.study") / "recipes"
OWN = {"loss", "fold", "out", "name"}
"""Settings of a training that the study gives itself."""

Fold = Annotated[int, Field(ge=0)]
Some = Annotated[int, Field(ge=1)]


class Images(StrictModel):
    """Images that models are measured on; fields as of `dmlbench.sources.open_source`, `data` its
    `url`, relative to where the command is given."""

    data: str
    split: str | None = None
    labels: str | None = None
    properties: str | None = None

    def options(self) -> dict[str, str | None]:
        """For `open_source`."""
        return {"split": self.split, "labels": self.labels, "properties": self.properties}


class ClassImages(Images):
    """Images whose classes are retrieved.

    Attributes:
        label: the properties that are classes, each retrieved among all images that have one; by
            default that of `dmlbench train`.
    """

    label: tuple[str, ...] = ()


class MapImages(Images):
    """Images whose saliency maps are compared.

    Attributes:
        images: fold -> how many; of fewer, the same ones are among the more.
        samples, method: as of `dmlbench evaluate`.
    """

    images: dict[Fold, Some] = Field(default={0: 100}, min_length=1)
    samples: int = Field(default=50, ge=1)
    method: str = "smoothgrad_paper"


class StudyRecipe(StrictModel):
    """What a study compares.

    Attributes:
        losses: keys of the protocol's section 6, or `all` fourteen.
        controls: of them, `none` and `random`; trained with nothing.
        folds: of each loss.
        training: options of `dmlbench train`.
        model: takes the place of `training`: how `dmlbench evaluate` names the model of {loss} and
            {fold}; the controls are then not there.
        classes: where classes are retrieved.
        properties: where embeddings are scored by property.
        saliency: where maps are compared.
        groups: file as of `--groups`; by default classification against ranking losses.
        seed: of the measurements.
    """

    name: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_-]*$")
    title: str
    description: str
    losses: Literal["all"] | tuple[str, ...]
    controls: tuple[str, ...] = ("none", "random")
    folds: tuple[Fold, ...] = Field(min_length=1)
    training: dict[str, Any] | None = None
    model: str | None = None
    classes: ClassImages | None = None
    properties: Images
    saliency: MapImages | None = None
    groups: str | None = None
    seed: int = Field(default=0, ge=0)

    @field_validator("losses", "controls")
    @classmethod
    def _check_losses(cls, losses: str | tuple[str, ...]) -> str | tuple[str, ...]:
        for loss in () if isinstance(losses, str) else losses:
            loss_named(loss)
        return losses

    @model_validator(mode="after")
    def _check(self) -> StudyRecipe:
        if (self.training is None) == (self.model is None):
            raise ValueError("training: either training or model says where models come from")
        if self.training is not None and (reserved := sorted(OWN & self.training.keys())):
            raise ValueError(f"training: {reserved[0]} is given by the study itself")
        if self.model is not None and "{loss}" not in self.model:
            raise ValueError("model: has to hold {loss}, as in models/{loss}-fold{fold}.pt")
        for fold in self.saliency.images if self.saliency else ():
            if fold not in self.folds:
                raise ValueError(f"saliency.images: fold {fold} is not one of folds")
        return self

    @property
    def trained(self) -> tuple[str, ...]:
        """Keys of the losses, those of one group side by side."""
        keys = LOSSES if self.losses == ALL else self.losses
        named = [loss_named(key) for key in keys]
        trainable = [loss for loss in named if self.losses != ALL or loss.group != "control"]
        return tuple(loss.key for loss in sorted(trainable, key=lambda loss: loss.group))

    @property
    def compared(self) -> tuple[str, ...]:
        """The losses and then the controls, where models are trained here."""
        return (*self.trained, *(self.controls if self.model is None else ()))

    @property
    def maps(self) -> dict[int, int]:
        """Fold -> images with maps."""
        return dict(self.saliency.images) if self.saliency else {}


def recipe_names() -> list[str]:
    """Of the studies that come with the project."""
    return sorted(Path(file.name).stem for file in RECIPES.iterdir() if file.name.endswith(".yaml"))


def load_study(name: str) -> StudyRecipe:
    """A study of the project by name, or the one in a `.yaml` file.

    Raises:
        UnknownNameError, InputError: not there, or not valid: names file, line and field.
    """
    if name in recipe_names():
        with resources.as_file(RECIPES / f"{name}.yaml") as path:
            return load_document(StudyRecipe, path)
    if not name.lower().endswith((".yaml", ".yml")):
        raise UnknownNameError("study", name, [*recipe_names(), "or the path of a .yaml file"])
    return load_document(StudyRecipe, Path(name))
