"""`open_clip:NAME?pretrained=TAG or FILE`: the image encoder of an open_clip model."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

from torch import Tensor, nn

from dmlbench.models.contract import LoadedModel, make_id, unknown_network
from dmlbench.models.execution import seeded
from dmlbench.models.options import ModelOptions
from dmlbench.models.preprocessing import Preprocessing
from dmlbench.models.reference_query import parse_reference
from dmlbench.models.torchvision_schemas import ensure_torchvision_imports
from dmlbench.models.weights import hash_tensors
from dmlbench.user_code import error_line
from dmldata.common.errors import ModelError, UnknownNameError
from dmldata.common.extras import require_extras
from dmldata.common.hub_access import offline_if_hub_is_silent

_OPTIONS = ("pretrained", "seed")


class ImageSide(nn.Module):
    """Images [B, 3, H, W] -> embeddings [B, D], not normalized."""

    def __init__(self, visual: nn.Module) -> None:
        super().__init__()
        self.visual = visual

    def forward(self, images: Tensor) -> Tensor:
        """Embed preprocessed images [B, 3, H, W] -> [B, D]."""
        output = self.visual(images)
        return output[0] if isinstance(output, tuple) else output


def load(reference: str, options: ModelOptions) -> LoadedModel:
    """Load the image encoder of an open_clip model, with open_clip's preprocessing.

    Raises:
        MissingPackageError: open_clip is not installed.
        ModelError: an unknown name, or weights that cannot be obtained; UnknownNameError for an
            unknown option.
    """
    require_extras("open_clip")
    name, values = parse_reference(reference, _OPTIONS)
    network = _create(name, values, options.seed, reference)
    model = ImageSide(network.visual).eval()
    preprocessing = options.apply(_preprocessing(network.visual))
    loss, distance = options.explained_by(None, "")
    random = (f"{reference} names no weights: random ones; ?pretrained=TAG or FILE",)
    return LoadedModel(
        model=model,
        preprocessing=preprocessing,
        reference=reference,
        id=make_id(name, hash_tensors(model.state_dict()), preprocessing),
        loss=loss,
        distance=distance,
        notes=() if "pretrained" in values else random,
    )


def _create(name: str, values: dict[str, str], seed: int, reference: str) -> Any:
    ensure_torchvision_imports()
    import open_clip

    if name not in open_clip.list_models():
        raise unknown_network("open_clip", name, open_clip.list_models(), "open_clip.list_models()")
    pretrained = values.get("pretrained")
    tags = open_clip.list_pretrained_tags_by_model(name)
    if pretrained is not None and pretrained not in tags and not Path(pretrained).is_file():
        raise UnknownNameError("weights", pretrained, [*tags, "or a file"], reference)
    try:
        with (
            seeded(int(values.get("seed", seed))),
            offline_if_hub_is_silent(),
            warnings.catch_warnings(),
        ):
            warnings.simplefilter("ignore")
            return open_clip.create_model(name, pretrained=pretrained)
    except Exception as error:
        raise ModelError(
            f"{reference}: its weights cannot be loaded ({error_line(error)}); use a local file: "
            f"open_clip:{name}?pretrained=FILE"
        ) from error


def _preprocessing(visual: Any) -> Preprocessing:
    config = visual.preprocess_cfg
    size = config["size"] if isinstance(config["size"], tuple | list) else (config["size"],) * 2
    return Preprocessing(
        input_size=tuple(size),
        resize=tuple(size),
        mean=tuple(config["mean"]),
        std=tuple(config["std"]),
        interpolation=config["interpolation"],
        fit="squash" if config["resize_mode"] == "squash" else "cover",
    )
