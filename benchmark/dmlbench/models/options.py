"""The options of a model that a user may set in addition to its reference."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import Any

from dmlbench.losses import distance_named, loss_named
from dmlbench.models.preprocessing import Preprocessing
from dmldata.common.errors import ModelError

INPUT_OPTIONS = ("input_size", "mean", "std", "bgr", "scale", "interpolation")
"""Options that say how images are read."""


@dataclass(frozen=True)
class ModelOptions:
    """Options of a model; each is a keyword argument of `load_model`, too.

    None means the model's own value.

    Attributes:
        distance: name of the distance that its maps explain; by default the distance of its loss,
            else euclidean.
        loss: key of the loss it was trained with (protocol, section 6).
        input_size: (H, W) in pixels, or one number for a square; the crop fraction stays.
        mean, std: per channel, in the channel order and scale of the model's input.
        bgr: whether the model's first channel is blue.
        scale: value of a white pixel before mean and std, 1 or 255.
        interpolation: Pillow's name of the resampling filter.
        trust_pickle: whether to load a `.pt` that is a pickle, or a `.pt2`, which can run code.
        seed: seed of random weights; 0 is a seed like any other.
        allow_unstable: whether to accept a model whose embedding of an image changes from pass to
            pass or with the batch; `notes` say so.

    Raises:
        UnknownNameError: there is no such loss or distance.
    """

    distance: str | None = None
    loss: str | None = None
    input_size: int | tuple[int, int] | None = None
    mean: tuple[float, float, float] | None = None
    std: tuple[float, float, float] | None = None
    bgr: bool | None = None
    scale: int | None = None
    interpolation: str | None = None
    trust_pickle: bool = False
    seed: int = 0
    allow_unstable: bool = False

    def __post_init__(self) -> None:
        if self.loss is not None:
            loss_named(self.loss)
        if self.distance is not None:
            distance_named(self.distance)

    def apply(self, base: Preprocessing) -> Preprocessing:
        """Return the model's preprocessing with the user's values in place.

        Raises:
            ModelError: the scale was changed without mean and std, whose unit is the scale.
        """
        if self.input_size is not None:
            base = base.with_input_size(self.input_size)
        if self.scale not in (None, base.scale) and (self.mean is None or self.std is None):
            raise ModelError(
                f"--scale {self.scale}: --mean and --std are of another scale; valid: all three"
            )
        names = ("mean", "std", "bgr", "scale", "interpolation")
        user_values: dict[str, Any] = {name: getattr(self, name) for name in names}
        return dataclasses.replace(base, **{k: v for k, v in user_values.items() if v is not None})

    def assumed(self) -> tuple[str, ...]:
        """Return the preprocessing values that affect an embedding and that the user did not set.

        They are named as in `ModelOptions`.
        """
        names = ("input_size", "mean", "std")
        return tuple(name for name in names if getattr(self, name) is None)

    def explained_by(self, loss: str | None, distance: str) -> tuple[str | None, str]:
        """Return (loss, distance): the user's, else the model's; "" is the distance of the loss."""
        if self.loss is not None:
            loss, distance = self.loss, ""
        return loss, self.distance or distance
