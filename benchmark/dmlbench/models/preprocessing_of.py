"""Preprocessing as other libraries describe it: torchvision, timm, open_clip, transformers."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import torch
from PIL import Image

from dmlbench.models.preprocessing import Preprocessing
from dmlbench.models.torchvision_schemas import ensure_torchvision_imports
from dmldata.common.errors import ModelError

VALID = (
    "a dmlbench.models.Preprocessing, torchvision transforms (Resize, CenterCrop, ToTensor, "
    "Normalize), a data config of timm or a processor of transformers"
)
_PASSED_BY = frozenset(
    {"ToTensor", "MaybeToTensor", "PILToTensor", "ToImage", "RGB", "MaybeConvertMode"}
)
"""Transforms that change nothing about what the network sees."""
_SCALING = frozenset({"ToTensor", "MaybeToTensor"})
"""Those among them after which values are 0 to 1."""
_AS_RGB = frozenset({"_convert_to_rgb", "_convert_image_to_rgb"})
"""Functions of open_clip and CLIP that do the same."""
_CLOSE = 0.05
"""Mean difference of normalized pixels by which resampling filters may differ."""


def preprocessing_from(described: object) -> Preprocessing:
    """Return the preprocessing that an object of another library stands for.

    Args:
        described: a `Preprocessing`; a torchvision `Compose` of deterministic transforms or the
            `transforms()` of its weights (also what `timm.data.create_transform` and open_clip
            return); a data config of timm, as `timm.data.resolve_data_config` returns it; an image
            processor of transformers, or its dictionary.

    Raises:
        ModelError: it is something else, or has a step without a counterpart; the message names it.
    """
    if isinstance(described, Preprocessing):
        return described
    if isinstance(described, Mapping):
        return _of_config(described)
    if hasattr(described, "preprocess") and hasattr(described, "to_dict"):
        preprocessing = of_transformers(described.to_dict())
        check_processor(described, preprocessing)
        return preprocessing
    if hasattr(described, "crop_size") and hasattr(described, "resize_size"):
        return of_torchvision(described)
    steps = getattr(described, "transforms", None)
    if isinstance(steps, Sequence):
        return _of_steps(steps)
    raise ModelError(f"preprocessing: {type(described).__name__} is not known; valid: {VALID}")


def preprocessing_of(network: object) -> Preprocessing | None:
    """Return the preprocessing that a network itself knows, as those of timm do; else None."""
    config = getattr(network, "pretrained_cfg", None)
    return of_timm(config)[0] if isinstance(config, Mapping) and "input_size" in config else None


def of_timm(config: Mapping[str, Any]) -> tuple[Preprocessing, tuple[str, ...]]:
    """Return preprocessing and notes from timm's configuration of pretrained weights."""
    ensure_torchvision_imports()
    from timm.data import resolve_data_config

    resolved = resolve_data_config(pretrained_cfg=dict(config))
    size = resolved["input_size"][1:]
    mode = resolved["crop_mode"]
    known = resolved["interpolation"] != "random"
    preprocessing = Preprocessing(
        input_size=tuple(size),
        resize=tuple(math.floor(side / resolved["crop_pct"]) for side in size),
        mean=tuple(resolved["mean"]),
        std=tuple(resolved["std"]),
        interpolation=resolved["interpolation"] if known else "bilinear",
        fit="squash" if mode == "squash" else "cover",
    )
    notes = () if mode in ("center", "squash") else (f"crop mode '{mode}' taken as 'center'",)
    return preprocessing, notes


def of_torchvision(transforms: Any) -> Preprocessing:
    """Return the preprocessing of the `transforms()` of torchvision's weights."""
    return Preprocessing(
        input_size=_pair(transforms.crop_size),
        resize=_pair(transforms.resize_size),
        mean=tuple(transforms.mean),
        std=tuple(transforms.std),
        interpolation=transforms.interpolation.value,
    )


def of_transformers(config: Mapping[str, Any]) -> Preprocessing:
    """Return the preprocessing in the dictionary of an image processor of transformers.

    What a processor does is in its code, and its dictionary only says with which numbers:
    `check_processor` compares the two.
    """
    stated, crop = config.get("size") or 224, config.get("crop_size")
    size = _sides(stated)
    cropped = crop is not None and bool(config.get("do_center_crop", True))
    input_size = _sides(crop) if cropped else size
    cover = "shortest_edge" in stated if isinstance(stated, Mapping) else cropped
    kind, share = str(config.get("image_processor_type", "")), config.get("crop_pct")
    if share is not None and not cropped:
        # ConvNeXt: below 384 pixels the image is enlarged and its center cropped.
        cover = size[0] < 384
    if share is not None and cover:
        size = _sides(int(input_size[0] / share))
    elif kind.startswith("Levit"):
        size = _sides(int(256 / 224 * size[0]))
    flipped = config.get("do_flip_channel_order", False)
    # Processors that exchange red and blue have numbers of a normalization that they do not make.
    normalized = bool(config.get("do_normalize", "image_mean" in config and not flipped))
    mean = tuple(config.get("image_mean", (0.5,) * 3)) if normalized else (0.0, 0.0, 0.0)
    std = tuple(config.get("image_std", (0.5,) * 3)) if normalized else (1.0, 1.0, 1.0)
    if kind.startswith("EfficientNet") and config.get("include_top"):
        std = tuple(value**2 for value in std)
    return Preprocessing(
        input_size=input_size,
        resize=(max(size[0], input_size[0]), max(size[1], input_size[1])),
        mean=mean,
        std=std,
        bgr=bool(flipped),
        scale=1 if config.get("do_rescale", True) else 255,
        interpolation=Image.Resampling(
            config.get("resample", Image.Resampling.BILINEAR)
        ).name.lower(),
        fit="cover" if cover else "squash",
    )


def check_processor(processor: Any, preprocessing: Preprocessing) -> None:
    """Check that a processor of transformers makes the same pixels of two pictures.

    Raises:
        ModelError: it does not.
    """
    rng = np.random.default_rng(0)
    for width, height in ((400, 300), (320, 320)):
        coarse = rng.integers(0, 256, (height // 40, width // 40, 3), dtype=np.uint8)
        picture = Image.fromarray(coarse).resize((width, height), Image.Resampling.BICUBIC)
        if not _makes(processor, picture, preprocessing.to_tensor(picture)):
            raise ModelError(
                f"preprocessing: what {type(processor).__name__} does has no counterpart; valid: "
                "a function of Python (python:module:function) that returns the network and a "
                "dmlbench.models.Preprocessing, or --input-size, --mean and --std as they are"
            )


def _makes(processor: Any, picture: Image.Image, pixels: torch.Tensor) -> bool:
    """Return whether a processor makes these pixels [3, H, W] of a picture."""
    if getattr(processor, "do_pad", False):  # to any size that a file says
        return False
    try:
        made = torch.as_tensor(processor(picture, return_tensors="pt")["pixel_values"][0])
    except Exception:  # of many kinds: what it is made for is not one picture
        return False
    return made.shape == pixels.shape and float((pixels - made).abs().mean()) <= _CLOSE


def _of_config(config: Mapping[str, Any]) -> Preprocessing:
    if "input_size" in config and "crop_pct" in config:
        return of_timm(config)[0]
    if "image_mean" in config or "size" in config:
        return of_transformers(config)
    raise ModelError(f"preprocessing: a dictionary with {sorted(config)}; valid: {VALID}")


def _of_steps(steps: Sequence[object]) -> Preprocessing:
    """Return the preprocessing of torchvision transforms, of either version, in their order."""
    read: dict[str, Any] = {}
    placed = [kind for step in steps if (kind := type(step).__name__) in ("Resize", "CenterCrop")]
    if placed not in (["Resize"], ["Resize", "CenterCrop"], ["CenterCrop"], []):
        raise ModelError(f"preprocessing: {', then '.join(placed)}; valid: Resize, then CenterCrop")
    scaled = False
    for step in steps:
        kind = type(step).__name__
        if kind in _STEPS:
            fields = _STEPS[kind](step)
            if scaled and "scale" in fields:
                continue  # a change of type alone: an earlier step has scaled the values
            if fields.keys() & read.keys():
                raise ModelError(f"preprocessing: a second {kind}; valid: {VALID}")
            read |= fields
        elif kind not in _PASSED_BY and getattr(step, "__name__", "") not in _AS_RGB:
            raise ModelError(
                f"preprocessing: {getattr(step, '__name__', kind)} has no counterpart; valid: "
                f"{VALID}"
            )
        scaled = scaled or kind in _SCALING or read.get("scale") == 1
    missing = [name for name in ("resize", "mean") if name not in read]
    if missing:
        steps_of = {"resize": "Resize", "mean": "Normalize"}
        raise ModelError(f"preprocessing: has no {steps_of[missing[0]]}; valid: {VALID}")
    size = read.pop("size", None)
    if size is None and read["fit"] == "cover":
        raise ModelError(
            "preprocessing: Resize to a shorter side gives images of different sizes; valid: "
            "CenterCrop after it, or Resize to height and width"
        )
    return Preprocessing(input_size=size or read["resize"], **read)


def _read_resize(step: Any) -> dict[str, Any]:
    size = step.size
    if getattr(step, "max_size", None) is not None:
        raise ModelError(f"preprocessing: Resize with max_size {step.max_size}; valid: {VALID}")
    one_side = isinstance(size, int) or len(size) == 1
    interpolation = getattr(step.interpolation, "value", step.interpolation)
    return {
        "resize": _pair([size] if isinstance(size, int) else size),
        "fit": "cover" if one_side else "squash",
        "interpolation": interpolation,
    }


def _read_crop(step: Any) -> dict[str, Any]:
    return {"size": _pair([step.size] if isinstance(step.size, int) else step.size)}


def _read_normalize(step: Any) -> dict[str, Any]:
    # They may be tensors, whose digits beyond the seventh are rounding.
    mean, std = (tuple(round(float(v), 7) for v in values) for values in (step.mean, step.std))
    return {"mean": mean, "std": std}


def _read_dtype(step: Any) -> dict[str, Any]:
    return {"scale": 1 if getattr(step, "scale", True) else 255}


_STEPS: dict[str, Callable[[Any], dict[str, Any]]] = {
    "Resize": _read_resize,
    "CenterCrop": _read_crop,
    "Normalize": _read_normalize,
    "ToDtype": _read_dtype,
    "ConvertImageDtype": _read_dtype,
}


def _pair(size: Sequence[int]) -> tuple[int, int]:
    return (int(size[0]), int(size[-1]))


def _sides(size: Any) -> tuple[int, int]:
    """Return (height, width) in pixels from any form that transformers uses for a size.

    >>> _sides({"shortest_edge": 256}), _sides({"height": 224, "width": 224}), _sides(224)
    ((256, 256), (224, 224), (224, 224))
    """
    if isinstance(size, Mapping):
        if "shortest_edge" in size:
            return int(size["shortest_edge"]), int(size["shortest_edge"])
        return int(size["height"]), int(size["width"])
    return (int(size[0]), int(size[1])) if isinstance(size, list | tuple) else (int(size),) * 2
