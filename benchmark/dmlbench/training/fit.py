"""Train a learner on its images with Lightning."""

from __future__ import annotations

import logging
import os
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import lightning.pytorch as pl
import numpy as np
import torch
from lightning.pytorch.callbacks import Callback
from lightning.pytorch.loggers import TensorBoardLogger
from lightning.pytorch.utilities import rank_zero_only
from numpy.typing import NDArray
from torch.utils.data import DataLoader

from dmlbench.models import Preprocessing
from dmlbench.training import callbacks
from dmlbench.training.batches import ClassBatches, EvaluationImages, TrainingImages
from dmlbench.training.checkpoints import checkpoint_epochs
from dmlbench.training.decoded import DecodedImages
from dmlbench.training.hyperparameters import Hyperparameters
from dmlbench.training.learner import Learner
from dmlbench.training.settings import TrainSettings

PRECISIONS = {"fp32": "32-true", "bf16": "bf16-mixed", "fp16": "16-mixed"}
TENSORBOARD = "tensorboard"
MAX_WORKERS = 8


@dataclass(frozen=True)
class Material:
    """The images of a fold.

    Attributes:
        images: all decoded images.
        classes: number of the class of each image; arbitrary for validation images.
        train, validation: rows of the images to train on and to validate on.
    """

    images: DecodedImages
    classes: list[int]
    train: NDArray[np.int64]
    validation: NDArray[np.int64]
    preprocessing: Preprocessing


def fit(
    learner: Learner,
    material: Material,
    hyperparameters: Hyperparameters,
    settings: TrainSettings,
    tell: Callable[[dict[str, Any]], None],
    advance: Callable[[int], None],
    save: Callable[[dict[str, float | None]], None] | None = None,
    until: int | None = None,
) -> None:
    """Train to the end, resuming from the checkpoint in the folder of the training if there is one.

    Args:
        tell: called with each new row of the history.
        advance: called with the number of finished steps.
        save: called with the row of the history at each epoch that has a checkpoint.
        until: epoch to stop after; None for the last.
    """
    training_callbacks = [callbacks.checkpoints(settings.folder), callbacks.Steps(advance)]
    training_callbacks.append(callbacks.Report(settings.folder, tell))
    if save is not None:
        epochs = checkpoint_epochs(hyperparameters, settings.checkpoints)
        training_callbacks.append(callbacks.Keep(epochs, save))
    if until is not None:
        training_callbacks.append(callbacks.Until(until))
    if hyperparameters.patience is not None:
        training_callbacks.append(callbacks.stopping(hyperparameters.patience))
    checkpoint = checkpoint_of(settings.folder)
    resumed = str(checkpoint) if checkpoint.is_file() else None
    with _quiet():
        trainer = make_trainer(settings, hyperparameters, training_callbacks, resumed is not None)
        workers = _workers(settings.workers, trainer)
        key = (settings.seed, trainer.global_rank)
        loaders = make_loaders(material, hyperparameters, workers, key, lambda: learner.epochs_done)
        try:
            trainer.fit(learner, *loaders, ckpt_path=resumed, weights_only=True)
        except SystemExit:
            if trainer.interrupted:
                raise KeyboardInterrupt from None
            raise


def checkpoint_of(folder: Path) -> Path:
    """Return the path of the checkpoint of a training in this folder."""
    return folder / f"{callbacks.CHECKPOINT}.ckpt"


def make_trainer(
    settings: TrainSettings,
    hyperparameters: Hyperparameters,
    training_callbacks: list[Callback],
    resumed: bool,
) -> pl.Trainer:
    """Build Lightning's trainer; its sanity check gives the first row of the history."""
    return pl.Trainer(
        accelerator="cpu" if settings.devices == "cpu" else "auto",
        devices=settings.device_count,
        strategy="ddp" if settings.device_count > 1 else "auto",
        precision=PRECISIONS[settings.precision],  # type: ignore[arg-type]
        max_epochs=hyperparameters.epochs,
        check_val_every_n_epoch=hyperparameters.validate_every,
        num_sanity_val_steps=0 if resumed else -1,
        callbacks=training_callbacks,
        plugins=[callbacks.WholeCheckpoints()],
        logger=TensorBoardLogger(settings.folder, name="", version=TENSORBOARD),
        log_every_n_steps=10,
        use_distributed_sampler=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        default_root_dir=settings.folder,
    )


def make_loaders(
    material: Material,
    hyperparameters: Hyperparameters,
    workers: int,
    key: tuple[int, int],
    epoch: Callable[[], int],
) -> tuple[DataLoader[Any], DataLoader[Any]]:
    """Build the loaders of training and validation batches.

    Args:
        workers: number of processes that prepare batches.
        key, epoch: (seed, rank), and a function that returns the epoch; see `ClassBatches`.
    """
    pixels = (material.images, material.classes, material.preprocessing)
    draws = ClassBatches(
        material.train,
        [material.classes[row] for row in material.train],
        hyperparameters.images_per_class,
        hyperparameters.batch,
        hyperparameters.steps,
        *key,
        epoch,
    )
    common: dict[str, Any] = {
        "batch_size": hyperparameters.batch,
        "num_workers": workers,
        "persistent_workers": workers > 0,
        "pin_memory": torch.cuda.is_available(),
    }
    train = DataLoader(TrainingImages(*pixels, hyperparameters), sampler=draws, **common)
    rows = EvaluationImages(material.images, material.validation, material.preprocessing)
    return train, DataLoader(rows, shuffle=False, **common)


def _workers(asked: int | None, trainer: pl.Trainer) -> int:
    if asked is not None:
        return asked
    # A step on a CPU takes many times what preparing its batch takes: one is always ahead.
    on_cpu = trainer.strategy.root_device.type == "cpu"
    return 1 if on_cpu else min(MAX_WORKERS, os.cpu_count() or 1)


@contextmanager
def _quiet() -> Iterator[None]:
    """Silence Lightning's advice, which is meant for programmers and not for users of this one."""
    loggers = [logging.getLogger(f"lightning.{part}") for part in ("pytorch", "fabric")]
    levels = [logger.level for logger in loggers]
    for logger in loggers:
        logger.setLevel(logging.ERROR)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            yield
        finally:
            for logger, level in zip(loggers, levels, strict=True):
                logger.setLevel(level)


def is_first() -> bool:
    """Return whether this process writes the files, among those that train together."""
    return int(rank_zero_only.rank or 0) == 0  # type: ignore[attr-defined]


def wait_for_all() -> None:
    """Wait for all processes that train together; return at once if there is only one."""
    if torch.distributed.is_available() and torch.distributed.is_initialized():
        torch.distributed.barrier()
