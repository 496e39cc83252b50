"""The steps of training and validation; Lightning does the rest."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from functools import partial
from time import monotonic
from typing import Any

import lightning.pytorch as pl
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from dmlbench.models import EmbeddingNetwork, Preprocessing
from dmlbench.models.depthwise import FastDepthwise
from dmlbench.models.folding import folded_for_training
from dmlbench.scores import map_at_r, precision_at_1
from dmlbench.training.hyperparameters import Hyperparameters, OptimizerSettings
from dmlbench.training.losses import MetricLoss
from dmlbench.training.trunks import freeze_batch_norm, freeze_stages
from dmldata.common.errors import PrismError

MONITORED = "map_at_r"

History = list[dict[str, float | None]]
"""One row per validation, the first before training: `epoch`, `step`, `train_loss` (mean since the
previous row), `map_at_r`, `precision_at_1`, `seconds` (since the start)."""

OPTIMIZERS: dict[str, Callable[..., torch.optim.Optimizer]] = {
    "adam": partial(torch.optim.Adam, fused=True),
    "adamw": partial(torch.optim.AdamW, fused=True),
    "rmsprop": torch.optim.RMSprop,
    "sgd": torch.optim.SGD,
}


class DivergedError(PrismError):
    """The loss or an embedding is not a finite number."""


class Learner(pl.LightningModule):
    """A network that is trained with a loss and validated by retrieval on other classes.

    Two optimizers, of the network and of the loss's own parameters, step together.

    Args:
        preprocessing: normalizes the pixels of a batch.
        validation: class of each validation image.
        name: name of the loss, for messages.

    Attributes:
        epochs_done: number of finished epochs.
        history: rows of the validations so far.
        best: tensors of the network at the best validation after the first; empty until then.
    """

    def __init__(
        self,
        network: EmbeddingNetwork,
        preprocessing: Preprocessing,
        loss: MetricLoss,
        hyperparameters: Hyperparameters,
        validation: Sequence[str],
        name: str,
        seed: int,
    ) -> None:
        super().__init__()
        self.automatic_optimization = False
        self.network, self.loss = network, loss
        self._preprocessing = preprocessing
        stages = hyperparameters.frozen_stages
        self._frozen = freeze_stages(network.trunk, stages) if stages else []
        # In a tuple, so that its parameters do not count twice.
        self._trained: tuple[nn.Module] | None = None
        self._folds: bool | None = None
        self.network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.epochs_done = 0
        self.history: History = []
        self.best: dict[str, Tensor] = {}
        self._hyperparameters, self._validation, self._name, self._seed = (
            hyperparameters,
            list(validation),
            name,
            seed,
        )
        self._losses: list[float] = []
        self._embedded: list[tuple[NDArray[np.int64], NDArray[np.float32]]] = []
        self._seconds, self._started, self._step = 0.0, monotonic(), 0
        self.train()

    def train(self, mode: bool = True) -> Learner:
        """Set training mode, with batch normalization frozen if the hyperparameters say so."""
        super().train(mode)
        if self._hyperparameters.freeze_batch_norm:
            freeze_batch_norm(self.network.trunk)
        for normalization in self._frozen:
            normalization.eval()
        return self

    def configure_optimizers(self) -> list[torch.optim.Optimizer]:
        """Return the optimizer of the network, and that of the loss's parameters if it has some."""
        hyperparameters = self._hyperparameters
        network = [
            {"params": _trained(self.network.trunk), "lr": hyperparameters.network.trunk_lr},
            {
                "params": self.network.embedder.parameters(),
                "lr": hyperparameters.network.embedder_lr,
            },
        ]
        optimizers = [_optimizer(network, hyperparameters.network)]
        loss_parameters = list(self.loss.parameters())
        if loss_parameters and hyperparameters.loss_parameters is not None:
            groups = [{"params": loss_parameters, "lr": hyperparameters.loss_parameters.lr}]
            optimizers.append(_optimizer(groups, hyperparameters.loss_parameters))
        return optimizers

    def loss_of(self, pixels: Tensor, classes: Tensor) -> Tensor:
        """Compute the loss of pixels [B, H, W, 3] of classes [B], in float32 after the network.

        Raises:
            DivergedError: an embedding or the loss is not finite.
        """
        embeddings = self._embed(pixels)
        with torch.autocast(self.device.type, enabled=False):
            loss = self.loss(embeddings.float(), classes)
        # Some losses leave out pairs that are not above 0, which includes NaN.
        if not bool(torch.isfinite(loss) & torch.isfinite(embeddings).all()):
            raise self._diverged("the loss" if torch.isfinite(embeddings).all() else "an embedding")
        return loss

    def training_step(self, batch: tuple[Tensor, Tensor], batch_idx: int) -> None:
        """Take one step of both optimizers."""
        self._step = step = self.epochs_done * self._hyperparameters.steps + batch_idx
        # Random layers are seeded by the step, so that a resumed training draws the same.
        torch.manual_seed(np.random.SeedSequence((self._seed, step)).generate_state(1)[0].item())
        configured = self.optimizers()
        optimizers: list[Any] = configured if isinstance(configured, list) else [configured]
        rate = self._rate(step)
        loss = self.loss_of(*batch)
        for optimizer in optimizers:
            optimizer.zero_grad()
        self.manual_backward(loss)
        for optimizer in optimizers:
            for group in optimizer.param_groups:
                group["lr"] = rate * group["initial_lr"]
            optimizer.step()
        self._losses.append(float(loss.detach()))
        self.log("train_loss", loss.detach())

    def validation_step(self, batch: tuple[Tensor, Tensor], batch_idx: int) -> None:
        """Embed a batch of validation images, in full float32."""
        pixels, places = batch
        with torch.autocast(self.device.type, enabled=False):
            embeddings = self._embed(pixels)
        if not bool(torch.isfinite(embeddings).all()):
            raise self._diverged("an embedding")
        self._embedded.append((places.cpu().numpy(), embeddings.float().cpu().numpy()))

    def on_validation_epoch_end(self) -> None:
        """Score the validation images of all devices."""
        parts = _of_all_devices(self._embedded)
        self._embedded = []
        places, first = np.unique(np.concatenate([part[0] for part in parts]), return_index=True)
        embeddings = np.concatenate([part[1] for part in parts])[first]
        names = [self._validation[place] for place in places]
        scores = {
            MONITORED: map_at_r(embeddings, names) or 0.0,
            "precision_at_1": precision_at_1(embeddings, names) or 0.0,
        }
        self._note(scores)
        self.log_dict(scores)

    def on_train_epoch_end(self) -> None:
        """Count the epoch; checkpoints are written after it."""
        self.epochs_done += 1

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Add the state of this learner to a checkpoint, so that one file holds everything."""
        seconds = self._seconds + monotonic() - self._started
        checkpoint["known"] = {
            "history": self.history,
            "best": self.best,
            "losses": self._losses,
            "epochs": self.epochs_done,
            "seconds": seconds,
            "folds": self._folds,
        }

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Restore the state of this learner from a checkpoint."""
        known = checkpoint["known"]
        self.history, self.best, self._losses = known["history"], known["best"], known["losses"]
        self.epochs_done = known["epochs"]
        # Checkpoints of before there was folding have no such entry: they were trained without.
        self._folds = known.get("folds", False)
        self._seconds, self._started = known["seconds"], monotonic()

    def _embed(self, pixels: Tensor) -> Tensor:
        """Embed pixels [B, H, W, 3] -> [B, D]; in training with the folded network."""
        images = self._preprocessing.normalized(pixels)
        images = images.contiguous(memory_format=torch.channels_last)
        network: nn.Module = self.network
        if self.training and self._hyperparameters.freeze_batch_norm:
            if self._trained is None:
                self._trained = (self._fold(images),)
            network = self._trained[0]
        with FastDepthwise():
            embeddings: Tensor = network(images)
        return embeddings

    def _fold(self, images: Tensor) -> nn.Module:
        """Return the network to train with: once decided, as before, also after resuming."""
        network: nn.Module = self.network
        if self._folds is not False:
            network = folded_for_training(network, images, known_to_agree=bool(self._folds))
        self._folds = network is not self.network
        return network

    def _note(self, scores: dict[str, float]) -> None:
        epoch = 0 if self.trainer.sanity_checking else self.epochs_done + 1
        if epoch and (
            not self.best or scores[MONITORED] > (best_of(self.history)[MONITORED] or 0.0)
        ):
            tensors = self.network.state_dict().items()
            self.best = {name: tensor.detach().cpu().clone() for name, tensor in tensors}
        row: dict[str, float | None] = {
            "epoch": epoch,
            "step": epoch * self._hyperparameters.steps,
            "train_loss": float(np.mean(self._losses)) if self._losses else None,
            **scores,
            "seconds": round(self._seconds + monotonic() - self._started, 1),
        }
        self._losses = []
        self.history.append(row)

    def _rate(self, step: int) -> float:
        """Return the factor on the learning rates at a step, from 0 to 1."""
        hyperparameters = self._hyperparameters
        rate = min(1.0, (step + 1) / hyperparameters.warmup) if hyperparameters.warmup else 1.0
        if hyperparameters.schedule == "cosine":
            rate *= (
                1 + math.cos(math.pi * step / (hyperparameters.epochs * hyperparameters.steps))
            ) / 2
        return rate

    def _diverged(self, what: str) -> DivergedError:
        network, loss_parameters = (
            self._hyperparameters.network,
            self._hyperparameters.loss_parameters,
        )
        rates = f"trunk {network.trunk_lr:g}, embedder {network.embedder_lr:g}"
        rates += f", the loss's own parameters {loss_parameters.lr:g}" if loss_parameters else ""
        return DivergedError(
            f"{self._name}: {what} is not a finite number at step {self._step}: training "
            f"diverged; lower the learning rates ({rates}) or the scale of the loss "
            f"({self._hyperparameters.loss}), or use --precision fp32, with another --name"
        )


def best_of(history: History) -> dict[str, float | None]:
    """Return the best validation after the first, by MAP@R; the earliest of equal ones."""
    return max(history[1:], key=lambda row: row[MONITORED] or 0.0)


def _trained(module: nn.Module) -> list[nn.Parameter]:
    return [parameter for parameter in module.parameters() if parameter.requires_grad]


def _optimizer(groups: list[dict[str, Any]], settings: OptimizerSettings) -> torch.optim.Optimizer:
    options: dict[str, Any] = {"weight_decay": settings.weight_decay}
    if settings.momentum is not None:
        options["momentum"] = settings.momentum
    for group in groups:
        group["initial_lr"] = group["lr"]
    return OPTIMIZERS[settings.optimiser](groups, **options)


def _of_all_devices(parts: list[Any]) -> list[Any]:
    if not torch.distributed.is_available() or not torch.distributed.is_initialized():
        return parts
    gathered: list[list[Any]] = [[] for _ in range(torch.distributed.get_world_size())]
    torch.distributed.all_gather_object(gathered, parts)
    return [part for device_parts in gathered for part in device_parts]
