"""The monitor as a callback of Lightning."""

from __future__ import annotations

from typing import Any

from torch import nn

from dmlbench.models.torchvision_schemas import ensure_torchvision_imports
from dmlbench.monitoring.monitor import PropertyMonitor
from dmldata.common.errors import InputError
from dmldata.common.extras import require_extras

require_extras("lightning")
# Lightning imports torchvision while it is imported.
ensure_torchvision_imports()

import lightning.pytorch as pl  # noqa: E402
from lightning.pytorch.callbacks import Callback  # noqa: E402
from lightning.pytorch.strategies import FSDPStrategy, ModelParallelStrategy  # noqa: E402
from lightning.pytorch.trainer.states import TrainerFn  # noqa: E402

IMAGE = "saliency_maps"
"""Name of the strip of maps in a logger."""


class PropertyMonitorCallback(Callback):
    """Logs property scores, and strips of saliency maps, with the loggers of the trainer.

    It measures at the end of validations, or of training epochs where nothing validates; `every`
    and `maps_every` of the monitor count these. Every process logs the scores, so that
    `ModelCheckpoint` and `EarlyStopping` can monitor them; only the first measures. Loggers with
    `log_image` (W&B) or an experiment with `add_image` (TensorBoard) get the strips. Checkpoints
    hold the monitor's history.

    Args:
        monitor: what to measure; by default `PropertyMonitor()`.
        network: name of the submodule that maps images [B, 3, H, W] to embeddings [B, D], such as
            "trunk" or "model.encoder"; by default the whole LightningModule.
        prefix: put before every name that is logged, to tell two monitors apart.

    Raises:
        MissingPackageError: Lightning is not installed.
    """

    def __init__(
        self,
        monitor: PropertyMonitor | None = None,
        *,
        network: str | None = None,
        prefix: str = "",
    ) -> None:
        self.monitor = PropertyMonitor() if monitor is None else monitor
        self.network, self.prefix = network, prefix

    @property
    def state_key(self) -> str:
        """The name of its state in a checkpoint."""
        return self._generate_state_key(prefix=self.prefix)

    def setup(self, trainer: pl.Trainer, pl_module: pl.LightningModule, stage: str) -> None:
        """Check that one process holds the whole network.

        Raises:
            InputError: it does not.
        """
        sharded = isinstance(trainer.strategy, FSDPStrategy | ModelParallelStrategy)
        if sharded or getattr(trainer.strategy, "zero_stage_3", False):
            raise InputError(
                f"{type(trainer.strategy).__name__}: no process holds the whole network; valid: a "
                "single device, or ddp"
            )

    def on_fit_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Check that there is such a submodule, once the LightningModule has made its own.

        Raises:
            InputError: there is none.
        """
        self._network_of(pl_module)

    def on_validation_epoch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Measure after a validation of a training."""
        if trainer.state.fn == TrainerFn.FITTING and not trainer.sanity_checking:
            self._log(trainer, pl_module, _batches(trainer))

    def on_train_epoch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Measure after a training epoch where nothing validates."""
        if not trainer.enable_validation:
            # Lightning logs what an epoch ends with under its last batch.
            self._log(trainer, pl_module, _batches(trainer) - 1)

    def state_dict(self) -> dict[str, Any]:
        """Return what a checkpoint keeps."""
        return self.monitor.state_dict()

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Continue the history of a checkpoint."""
        self.monitor.load_state_dict(state_dict)

    def _log(self, trainer: pl.Trainer, pl_module: pl.LightningModule, step: int) -> None:
        scores: dict[str, float] = {}
        if trainer.is_global_zero:
            measured = self.monitor(self._network_of(pl_module), step)
            scores = {f"{self.prefix}{name}": score for name, score in measured.items()}
            self._log_strip(trainer, step)
        pl_module.log_dict(trainer.strategy.broadcast(scores), sync_dist=True)

    def _log_strip(self, trainer: pl.Trainer, step: int) -> None:
        strip, name = self.monitor.map_strip, f"{self.prefix}{IMAGE}"
        if strip is None:
            return
        for logger in trainer.loggers:
            if hasattr(logger, "log_image"):
                logger.log_image(name, [strip], step=step)
                continue
            add_image = getattr(getattr(logger, "experiment", None), "add_image", None)
            if add_image is not None:
                add_image(name, strip, step, dataformats="HWC")

    def _network_of(self, pl_module: pl.LightningModule) -> nn.Module:
        if self.network is None:
            return pl_module
        try:
            return pl_module.get_submodule(self.network)
        except AttributeError as error:
            names = ", ".join(name for name, _ in pl_module.named_children()) or "(it has none)"
            raise InputError(
                f"network '{self.network}': {error}; valid: the name of a submodule, such as "
                f"{names}"
            ) from None


def _batches(trainer: pl.Trainer) -> int:
    """Return the step that Lightning logs with; with two optimizers it is not `global_step`."""
    return trainer.fit_loop.epoch_loop._batches_that_stepped
