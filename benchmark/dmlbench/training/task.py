"""Plan a training from its settings and data, before a network is built."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from dmlbench.losses import loss_named
from dmlbench.sources import ImageSource, open_source
from dmlbench.sources.protocol import without_folders
from dmlbench.training.checkpoints import checkpoint_epochs
from dmlbench.training.data import (
    ClassImages,
    check_sampling,
    check_validation,
    class_images,
    find_label,
)
from dmlbench.training.folds import Fold, split_classes
from dmlbench.training.hyperparameters import OPTIONS, Hyperparameters, read_hyperparameters
from dmlbench.training.losses import loss_id
from dmlbench.training.saved import describe_classes
from dmlbench.training.settings import TrainSettings
from dmlbench.training.trunks import Start, starting_network
from dmldata.common.errors import InputError


@dataclass(frozen=True)
class Task:
    """A planned training, made by `plan_task`.

    Attributes:
        hyperparameters: those of the profile, with the values that the settings replace.
        label: the property that is the class.
        images: all images that have a class.
        notes: notes for the user.
    """

    settings: TrainSettings
    hyperparameters: Hyperparameters
    source: ImageSource
    label: str
    images: ClassImages
    fold: Fold
    notes: tuple[str, ...]

    @property
    def is_control(self) -> bool:
        """Whether the loss is a control, which is not trained."""
        return loss_named(self.settings.loss).group == "control"

    @cached_property
    def plan(self) -> dict[str, Any]:
        """Everything that decides the result, as JSON."""
        return {
            "settings": self.settings.deciding(),
            "hyperparameters": self.hyperparameters.deciding(),
            "data": {
                "name": self.source.manifest.name,
                "fingerprint": self.source.fingerprint,
                "options": without_folders(self.source.options),
            },
            "label": self.label,
            "classes": {
                "train": describe_classes(self.fold.train),
                "validation": describe_classes(self.fold.validation),
            },
        }

    def start(self) -> Start:
        """Build the network that training begins with."""
        seed, start_seed = self.settings.seed, self.settings.start_seed
        return starting_network(
            self.settings.trunk,
            self.hyperparameters.embedding,
            seed if start_seed is None else start_seed,
            self.hyperparameters.size,
            random=self.settings.loss == "random",
        )


def plan_task(settings: TrainSettings) -> Task:
    """Open the data and check that the settings suit it.

    Raises:
        InputError: there is no such loss, profile, data, label or fold, or batches cannot be drawn.
    """
    settings = settings.model_copy(update={"loss": loss_id(settings.loss)})
    hyperparameters = _hyperparameters(settings)
    source = open_source(
        settings.data,
        split=settings.split,
        labels=settings.labels,
        properties=settings.properties,
        default_split="train",
    )
    label = find_label(source, settings.label)
    images = class_images(source, label)
    if not images.keys:
        raise InputError(f"{settings.data}: no image has a {label}; valid: images with classes")
    notes = list(source.notes)
    if len(images.keys) < len(source):
        missing = len(source) - len(images.keys)
        notes.append(f"{missing} of {len(source)} images have no {label} and are left out")
    fold = split_classes(set(images.names), settings.fold, settings.folds, settings.data)
    check_validation(images, fold.validation, settings.data)
    task = Task(settings, hyperparameters, source, label, images, fold, tuple(notes))
    if task.is_control:
        return task
    note = check_sampling(
        images,
        fold.train,
        hyperparameters.batch,
        hyperparameters.images_per_class,
        settings.data,
        ranking=loss_named(settings.loss).group == "ranking",
    )
    notes += [note] if note else []
    epochs = checkpoint_epochs(hyperparameters, settings.checkpoints)
    if len(epochs) < settings.checkpoints:
        notes.append(
            f"{len(epochs)} checkpoints instead of {settings.checkpoints}: only epochs that are "
            "validated have one; more --epochs, of fewer --steps, allow more"
        )
    return Task(settings, hyperparameters, source, label, images, fold, tuple(notes))


def _hyperparameters(settings: TrainSettings) -> Hyperparameters:
    changes = {name: getattr(settings, name) for name in OPTIONS}
    hyperparameters = read_hyperparameters(
        settings.loss, settings.profile, settings.hyperparameters, **changes
    )
    # A common divisor, so that the last epoch is validated too; patience stays as many epochs.
    every = math.gcd(hyperparameters.epochs, hyperparameters.validate_every)
    more = hyperparameters.validate_every // every
    patience = None if hyperparameters.patience is None else hyperparameters.patience * more
    return hyperparameters.model_copy(update={"validate_every": every, "patience": patience})
