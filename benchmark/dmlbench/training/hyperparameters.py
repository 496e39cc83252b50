"""The hyperparameters of each loss: one file per loss, two profiles, a source for every value."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from importlib import resources
from typing import Any, Literal

import yaml
from pydantic import Field, ValidationError

from dmlbench.losses import LOSSES, loss_named
from dmlbench.user_code import is_python
from dmldata.common.errors import InputError, UnknownNameError
from dmldata.common.strict import StrictModel, explain

PROFILES = ("quick", "reality_check")
COMMON = "common"
OPTIONS = ("epochs", "steps", "size", "batch", "images_per_class")
"""Fields that have an option of their own."""

Positive = Field(gt=0)
Fraction = Field(ge=0, le=1)


class OptimizerSettings(StrictModel):
    """Settings of every optimizer; `momentum` is for rmsprop and sgd."""

    optimiser: Literal["adam", "adamw", "rmsprop", "sgd"]
    weight_decay: float = Field(ge=0)
    momentum: float | None = Field(ge=0, lt=1)


class NetworkOptimizer(OptimizerSettings):
    """Settings of the optimizer of the trunk and the embedder."""

    trunk_lr: float = Field(ge=0)
    embedder_lr: float = Field(ge=0)


class LossOptimizer(OptimizerSettings):
    """Settings of the optimizer of a loss's own parameters: proxies, class weights, boundaries."""

    lr: float = Positive


class Hyperparameters(StrictModel):
    """How a loss is trained.

    Attributes:
        loss, miner: arguments of the loss and of its miner; see `losses`.
        loss_parameters: optimizer of the parameters of the loss; None if it has none.
        network: optimizer of the trunk and the embedder.
        size: height and width of the model's input, pixels; None for the trunk's default.
        embedding: dimensions of the embedding.
        batch, images_per_class: images per batch, and of each class in it.
        epochs, steps: maximum number of epochs, and batches per epoch.
        validate_every: epochs between validations.
        patience: validations without a better one after which training ends; None for no limit.
        freeze_batch_norm: whether batch normalization keeps the statistics of the initial weights.
        frozen_stages: number of the trunk's first stages that keep their weights.
        crop_scale, crop_ratio: ranges of the random crop: fraction of the image's area, and
            width / height.
        flip: probability of a horizontal flip.
        schedule: schedule of the learning rates: constant, or cosine to 0 at the last epoch.
        warmup: steps over which the learning rates grow to their value.
    """

    loss: dict[str, float]
    miner: dict[str, float] | None = None
    loss_parameters: LossOptimizer | None = None
    network: NetworkOptimizer
    size: int | None = Field(gt=0)
    embedding: int = Positive
    batch: int = Field(ge=2)
    images_per_class: int = Positive
    epochs: int = Positive
    steps: int = Positive
    validate_every: int = Positive
    patience: int | None = Field(ge=1)
    freeze_batch_norm: bool
    frozen_stages: int = Field(default=0, ge=0)
    crop_scale: tuple[float, float]
    crop_ratio: tuple[float, float]
    flip: float = Fraction
    schedule: Literal["constant", "cosine"]
    warmup: int = Field(ge=0)

    def deciding(self) -> dict[str, Any]:
        """Return the fields as JSON, without those that change nothing."""
        # As before there were frozen stages, so that earlier trainings stay the same.
        left_out = set() if self.frozen_stages else {"frozen_stages"}
        return self.model_dump(mode="json", exclude=left_out)


def read_hyperparameters(
    loss: str, profile: str, numbers: Mapping[str, float] | None = None, **changes: Any
) -> Hyperparameters:
    """Read the hyperparameters of a loss.

    Args:
        loss: key of the protocol's section 6.
        profile: one of PROFILES.
        numbers: numbers to replace, by dotted name.
        changes: values of fields to replace; None keeps the value of the profile.

    Raises:
        UnknownNameError: there is no such loss, profile or number.
        InputError: a number or value is not valid.

    >>> read_hyperparameters("arcface", "reality_check").loss
    {'margin': 20.52, 'scale': 49.5}
    >>> read_hyperparameters("arcface", "reality_check", {"loss.scale": 30}).loss
    {'margin': 20.52, 'scale': 30.0}
    """
    loss_named(loss)
    if profile not in PROFILES:
        raise UnknownNameError("profile", profile, PROFILES)
    fields = {**read_file(COMMON)[profile], **_loss_file(loss)[profile]}
    fields.pop("sources")
    fields |= {name: value for name, value in changes.items() if value is not None}
    pairs = {name: tuple(fields[name]) for name in ("crop_scale", "crop_ratio")}
    fields = copy.deepcopy(fields | pairs)
    valid = [name for name in _numbers_in(fields) if name not in OPTIONS]
    for name, number in (numbers or {}).items():
        if name not in valid:
            raise UnknownNameError("hyperparameter", name, valid, f"loss {loss}")
        *path, last = name.split(".")
        part = fields
        for key in path:
            part = part[key]
        part[last] = int(number) if type(part[last]) is int and number == int(number) else number
    try:
        return Hyperparameters.model_validate(fields)
    except ValidationError as error:
        raise InputError(f"hyperparameters of {loss}: {explain(error, Hyperparameters)}") from None


def sources_of(loss: str, profile: str) -> dict[str, str]:
    """Return the source of each value or group of values, by its dotted name.

    >>> sources_of("arcface", "quick")["embedding"]
    'Musgrave, Belongie, Lim, "A Metric Learning Reality Check" (ECCV 2020)'
    """
    common = read_file(COMMON)
    named = {**common[profile]["sources"], **_loss_file(loss)[profile]["sources"]}
    return {name: common["citations"][citation] for name, citation in named.items()}


def read_file(name: str) -> dict[str, Any]:
    """Read the file of a loss, or of `common`, as it is."""
    folder = resources.files("dmlbench.training") / "hyperparameters"
    content: dict[str, Any] = yaml.safe_load((folder / f"{name}.yaml").read_text("utf-8"))
    return content


def _numbers_in(fields: Mapping[str, Any], path: str = "") -> list[str]:
    """Return the dotted names of all numbers."""
    names = []
    for key, value in fields.items():
        if isinstance(value, Mapping):
            names += _numbers_in(value, f"{path}{key}.")
        elif isinstance(value, int | float) and not isinstance(value, bool):
            names.append(f"{path}{key}")
    return names


def _loss_file(loss: str) -> dict[str, Any]:
    if is_python(loss):
        # Its function knows its arguments; parameters of its own are trained as those of ArcFace.
        similar = read_file("arcface")
        return {
            profile: {
                "loss": {},
                "loss_parameters": similar[profile]["loss_parameters"],
                "sources": {},
            }
            for profile in PROFILES
        }
    # A control is not trained: it needs only what decides its network and its input.
    if LOSSES[loss].group != "control":
        return read_file(loss)
    return {profile: {"loss": {}, "sources": {}} for profile in PROFILES}
