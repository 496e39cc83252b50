"""Settings of a training."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Any, Literal
from urllib.parse import quote, unquote

from pydantic import Field, ValidationInfo, field_validator

from dmlbench.losses import loss_named
from dmlbench.training.trunks import DEFAULT_TRUNK
from dmldata.common.strict import StrictModel

Count = Field(default=None, ge=1)


class TrainSettings(StrictModel):
    """The options of `dmlbench train`.

    Attributes:
        loss: key of the protocol's section 6, controls included, or `python:module:function`.
        data, split, labels, properties: see `dmlbench.sources.open_source`; by default the
            training split, if there is one.
        out: folder to write the model to, and the folder of its training.
        name: name of the model and of that folder; by default the loss and the fold.
        label: property to use as the class; see `data.find_label`.
        trunk: see `trunks.starting_network`.
        fold, folds: see `folds.split_classes`.
        profile: set of hyperparameters; the next six fields replace single values of it.
        images_per_class: number of images of each class in a batch.
        hyperparameters: other numbers of the profile by dotted name, such as `loss.margin` or
            `network.trunk_lr`.
        checkpoints: number of epochs whose models are kept beside the best one; see
            `checkpoints.checkpoint_epochs`.
        seed: seed of all random choices.
        start_seed: seed of the network that training begins with, if it is not `seed`: several
            trainings then have one untrained network in common.
        workers: number of processes that prepare batches; 0 prepares them between steps, None
            chooses a number.
        precision: precision of the network in training.
        devices: 'auto' (a GPU if there is one), 'cpu', or a number of devices.

    >>> TrainSettings(loss="arcface", data="train196").folds
    4
    """

    @field_validator("data", "labels", "properties", "out", "devices", mode="before")
    @classmethod
    def _as_in_python(cls, value: object, field: ValidationInfo) -> object:
        """Let paths be text or paths, and a number of devices be a number."""
        if field.field_name == "out":
            return Path(value) if isinstance(value, str) else value
        if field.field_name == "devices":
            return str(value) if type(value) is int else value
        return os.fspath(value) if isinstance(value, os.PathLike) else value

    loss: str
    data: str
    split: str | None = None
    labels: str | None = None
    properties: str | None = None
    out: Path = Path("models")
    name: str | None = Field(default=None, pattern=r"^[A-Za-z0-9_][A-Za-z0-9._-]*$")
    label: str | None = None
    trunk: str = DEFAULT_TRUNK
    fold: int = 0
    folds: int = 4
    profile: str = "quick"
    epochs: int | None = Count
    steps: int | None = Count
    size: int | None = Field(default=None, ge=16)
    batch: int | None = Field(default=None, ge=2)
    images_per_class: int | None = Count
    hyperparameters: dict[str, float] = Field(default_factory=dict)
    checkpoints: int = Field(default=0, ge=0)
    seed: int = Field(default=0, ge=0)
    start_seed: int | None = Field(default=None, ge=0)
    workers: int | None = Field(default=None, ge=0)
    precision: Literal["fp32", "bf16", "fp16"] = "fp32"
    devices: str = "auto"

    @field_validator("devices")
    @classmethod
    def _known(cls, devices: str) -> str:
        if not re.fullmatch(r"auto|cpu|[1-9][0-9]*", devices):
            raise ValueError("valid: auto, cpu, or a number of devices")
        return devices

    @property
    def device_count(self) -> int:
        """Number of devices that train together."""
        return 1 if self.devices in ("auto", "cpu") else int(self.devices)

    @property
    def model_name(self) -> str:
        """Name of the model file and of the folder of its training."""
        return self.name or f"{loss_named(self.loss).file_name}-fold{self.fold}"

    @property
    def file(self) -> Path:
        """File of the model, which exists once it is trained."""
        return self.out / f"{self.model_name}.safetensors"

    @property
    def folder(self) -> Path:
        """Folder of the training: settings, logs, and the checkpoint until the training ends."""
        return self.out / self.model_name

    def deciding(self) -> dict[str, Any]:
        """Return the settings that decide the files of the result, as JSON."""
        left_out = {"out", "name", "workers", "devices", "data", "labels", "properties"}
        # As before there were any, so that earlier trainings stay the same.
        later = ("checkpoints", "hyperparameters")
        left_out |= {name for name in later if not getattr(self, name)}
        left_out |= {"start_seed"} if self.start_seed is None else set()
        # Several devices have batches of their own, one has the same wherever it is.
        left_out -= {"devices"} if self.device_count > 1 else set()
        return self.model_dump(mode="json", exclude=left_out) | {"trunk": self.shared_trunk}

    @property
    def shared_trunk(self) -> str:
        """The trunk, without the folder that a file of the user's lies in."""
        return _without_folder(self.trunk)


def _without_folder(reference: str) -> str:
    """Return the reference of a trunk as files that are shared name it.

    >>> _without_folder("timm:resnet50?weights=/home/ada/my%20w.pth&seed=1")
    'timm:resnet50?weights=my%20w.pth&seed=1'
    >>> _without_folder("timm:resnet50?weights=package:resnet50")
    'timm:resnet50?weights=package:resnet50'
    """
    name, mark, options = reference.partition("?")
    shown = []
    for option in options.split("&"):
        key, _, value = option.partition("=")
        is_file = key == "weights" and not value.startswith("package:")
        shown.append(f"{key}={quote(Path(unquote(value)).name)}" if is_file else option)
    return f"{name}{mark}{'&'.join(shown)}"
