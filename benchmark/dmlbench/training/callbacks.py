"""Callbacks of Lightning: early stopping, checkpoints, logs and progress."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Collection
from pathlib import Path
from typing import Any

import lightning.pytorch as pl
from lightning.fabric.plugins import TorchCheckpointIO
from lightning.pytorch.callbacks import Callback, EarlyStopping, ModelCheckpoint

from dmlbench.training.folder import METRICS
from dmlbench.training.learner import MONITORED, History, Learner
from dmldata.common.files import write_atomic

CHECKPOINT = "last"


class WholeCheckpoints(TorchCheckpointIO):
    """Checkpoints that are written atomically."""

    def save_checkpoint(
        self, checkpoint: dict[str, Any], path: Any, storage_options: Any | None = None
    ) -> None:
        import torch

        # In memory first: on a full disk PyTorch reports neither the file nor the reason.
        buffer = io.BytesIO()
        torch.save(checkpoint, buffer)
        write_atomic(path, buffer.getvalue())


class Stopping(EarlyStopping):
    """Early stopping that survives resuming: a training that has stopped stays stopped."""

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        if self.wait_count >= self.patience:
            trainer.should_stop = True


class Until(Callback):
    """Stops after some epochs, so that the rest of a training can be resumed."""

    def __init__(self, epochs: int) -> None:
        self._epochs = epochs

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        trainer.should_stop |= trainer.current_epoch >= self._epochs

    def on_train_epoch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        trainer.should_stop |= trainer.current_epoch + 1 >= self._epochs


class Report(Callback):
    """Writes the history and reports its last row, after each validation."""

    def __init__(self, folder: Path, tell: Callable[[dict[str, Any]], None]) -> None:
        self._folder, self._tell = folder, tell

    def on_validation_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        if isinstance(pl_module, Learner) and trainer.is_global_zero:
            write_metrics(pl_module.history, self._folder / METRICS)
            self._tell(dict(pl_module.history[-1]))


class Keep(Callback):
    """Calls `save` with the row of the history after the validations of some epochs."""

    def __init__(
        self, epochs: Collection[int], save: Callable[[dict[str, float | None]], None]
    ) -> None:
        self._epochs, self._save = epochs, save

    def on_validation_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        if not isinstance(pl_module, Learner) or not trainer.is_global_zero:
            return
        row = pl_module.history[-1]
        if row["epoch"] in self._epochs:
            self._save(row)


class Steps(Callback):
    """Reports the number of finished steps, after each step."""

    def __init__(self, tell: Callable[[int], None]) -> None:
        self._tell = tell

    def on_train_batch_end(self, trainer: pl.Trainer, *_: Any) -> None:
        self._tell(trainer.fit_loop.total_batch_idx + 1)


def stopping(patience: int) -> Callback:
    """Return a callback that ends training after `patience` validations without a better one."""
    return Stopping(
        MONITORED, mode="max", patience=patience, check_on_train_epoch_end=False, verbose=False
    )


def checkpoints(folder: Path) -> Callback:
    """Return a callback that keeps one checkpoint, of the end of the last epoch."""
    return ModelCheckpoint(
        folder, CHECKPOINT, save_on_train_epoch_end=True, enable_version_counter=False
    )


def write_metrics(history: History, path: Path) -> None:
    """Write the history as CSV, atomically."""
    text = io.StringIO()
    writer = csv.DictWriter(text, list(history[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows(history)
    write_atomic(path, text.getvalue())
