"""`hf:FOLDER` and `hf:owner/name`: a vision model of transformers, or of sentence-transformers.

Code in a repository is never run (`trust_remote_code` stays off).
"""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from dmlbench.models.contract import LoadedModel, make_id
from dmlbench.models.options import INPUT_OPTIONS, ModelOptions
from dmlbench.models.preprocessing import Preprocessing
from dmlbench.models.preprocessing_of import check_processor, of_transformers
from dmlbench.models.reference_query import parse_reference
from dmlbench.models.torchvision_schemas import ensure_torchvision_imports
from dmlbench.models.weights import hash_tensors
from dmlbench.user_code import error_line
from dmldata.common.errors import ModelError, UnknownNameError, one_line
from dmldata.common.extras import require_extras
from dmldata.common.files import read_file
from dmldata.common.foreign import reading
from dmldata.common.hub_access import offline_if_hub_is_silent
from dmldata.common.strict import parse_plain_json

POOLS = ("pooler", "cls", "mean")
_OPTIONS = ("pool", "revision")
_PROJECTED = {
    "clip": "CLIPVisionModelWithProjection",
    "clip_vision_model": "CLIPVisionModelWithProjection",
    "siglip": "SiglipVisionModel",
    "siglip_vision_model": "SiglipVisionModel",
}
"""Model types that embed images and texts, and the class of their image encoder."""


class PooledModel(nn.Module):
    """Images [B, 3, H, W] -> embeddings [B, D] of a vision model of transformers.

    Args:
        pool: 'projection' (`image_embeds`), 'pooler' (`pooler_output`), 'cls' (the first token), or
            'mean' (of all tokens or places).
    """

    def __init__(self, network: nn.Module, pool: str) -> None:
        super().__init__()
        self.network = network
        self.pool = pool

    def forward(self, images: Tensor) -> Tensor:
        """Embed preprocessed images [B, 3, H, W] -> [B, D]."""
        output = self.network(pixel_values=images)
        if self.pool == "projection":
            return output.image_embeds
        if self.pool == "pooler":
            return output.pooler_output.flatten(1)
        hidden: Tensor = output.last_hidden_state
        if hidden.ndim == 4:
            return hidden.mean((2, 3))
        return hidden[:, 0] if self.pool == "cls" else hidden.mean(1)


def load(reference: str, options: ModelOptions) -> LoadedModel:
    """Load the vision model in a folder or a Hub repository, with its own preprocessing.

    The default pooling follows the model's class: the projected embedding of CLIP, else
    `pooler_output` if its pooler is in the weights or has no weights, else the first token. The
    option `?pool=` overrides it.

    Raises:
        MissingPackageError: transformers is not installed.
        ModelError: no such folder or repository, not a vision model, or weights that do not fit.
    """
    require_extras("transformers")
    place, pool, revision = _parse(reference)
    folder = _folder(place, revision, reference)
    folder = _transformer_of_sentence_transformers(folder)
    config = _json(folder / "config.json", reference)
    network, missing = _network(folder, config, reference)
    chosen = _pool(network, config, missing, pool, reference)
    if chosen == "pooler" and any("pooler" in name for name in missing):
        raise ModelError(
            f"{reference}: its weights lack the pooler ({missing[0]}); valid: ?pool=cls, ?pool=mean"
        )
    model = PooledModel(network, chosen).eval()
    checked = all(getattr(options, name) is None for name in INPUT_OPTIONS)
    preprocessing, notes = _preprocessing(folder, reference, checked=checked)
    preprocessing = options.apply(preprocessing)
    loss, distance = options.explained_by(None, "")
    return LoadedModel(
        model=model,
        preprocessing=preprocessing,
        reference=reference,
        id=make_id(
            place.rstrip("/").rpartition("/")[2],
            f"{chosen} {hash_tensors(model.state_dict())}",
            preprocessing,
        ),
        loss=loss,
        distance=distance,
        notes=(*notes, f"pooling: {chosen}"),
    )


def _parse(reference: str) -> tuple[str, str | None, str | None]:
    place, values = parse_reference(reference, _OPTIONS)
    pool = values.get("pool")
    if pool is not None and pool not in POOLS:
        raise UnknownNameError("pool", pool, POOLS, reference)
    return place, pool, values.get("revision")


def _folder(place: str, revision: str | None, reference: str) -> Path:
    folder = Path(place)
    if folder.is_dir():
        if revision is not None:
            raise ModelError(
                f"{reference}: a folder has no revisions; valid: revision with hf:owner/name"
            )
        return folder
    if place.count("/") != 1 or place.startswith((".", "/", "~")):
        raise ModelError(f"{reference}: no such folder; valid: hf:FOLDER or hf:owner/name")
    from huggingface_hub import snapshot_download

    patterns = ["*.json", "*.safetensors", "*/*.json", "*/*.safetensors"]
    try:
        with offline_if_hub_is_silent():
            return Path(snapshot_download(place, revision=revision, allow_patterns=patterns))
    except Exception as error:
        raise ModelError(
            f"{reference}: not a local folder, and cannot be downloaded from the Hub: "
            f"{error_line(error)}; "
            "download it on a machine with network access and give the folder: hf:FOLDER"
        ) from error


def _transformer_of_sentence_transformers(folder: Path) -> Path:
    """Return the folder of the vision model itself, also in a sentence-transformers model."""
    modules = folder / "modules.json"
    if (folder / "config.json").is_file() or not modules.is_file():
        return folder
    with reading(str(modules), "modules.json of sentence-transformers", ModelError):
        parts = parse_plain_json(read_file(modules), str(modules), ModelError)
        part = folder / str(parts[0].get("path", "")) if parts else folder
    if not part.resolve().is_relative_to(folder.resolve()):
        raise ModelError(
            f"{modules}: '{parts[0]['path']}' leaves the folder; valid: a folder in it"
        )
    return part


def _json(file: Path, reference: str) -> dict[str, Any]:
    if not file.is_file():
        raise ModelError(f"{reference}: no {file.name} of transformers in {file.parent}")
    with reading(reference, f"{file.name} of transformers", ModelError):
        content = parse_plain_json(read_file(file), str(file), ModelError)
    if not isinstance(content, dict):
        raise ModelError(f"{reference}: {file} does not hold a JSON object")
    return content


def _network(
    folder: Path, config: dict[str, Any], reference: str
) -> tuple[nn.Module, tuple[str, ...]]:
    """Return the network and the names of the tensors that its weights lack."""
    ensure_torchvision_imports()
    import transformers
    from transformers.utils import logging

    name = _PROJECTED.get(str(config.get("model_type")), "AutoModel")
    level = logging.get_verbosity()
    logging.set_verbosity_error()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            network, loading_info = getattr(transformers, name).from_pretrained(
                folder,
                local_files_only=True,
                trust_remote_code=False,
                output_loading_info=True,
                dtype=torch.float32,
            )
    except Exception as error:
        raise ModelError(
            f"{reference}: transformers cannot load it: {error_line(error)}"
        ) from error
    finally:
        logging.set_verbosity(level)
    missing = sorted(loading_info["missing_keys"])
    missing_weights = [tensor for tensor in missing if "pooler" not in tensor]
    if missing_weights or loading_info["mismatched_keys"]:
        mismatched = [str(mismatch[0]) for mismatch in loading_info["mismatched_keys"]]
        unusable = missing_weights or mismatched
        raise ModelError(
            f"{reference}: its weights lack {len(unusable)} tensors of the network "
            f"('{unusable[0]}', ...)"
        )
    if "pixel_values" not in str(getattr(network, "main_input_name", "")):
        raise ModelError(
            f"{reference}: {type(network).__name__} takes {network.main_input_name}, not images"
        )
    return network, tuple(missing)


def _pool(
    network: nn.Module,
    config: dict[str, Any],
    missing: tuple[str, ...],
    pool: str | None,
    reference: str,
) -> str:
    size = 2 * [_input_side(config)]
    with torch.no_grad():
        output = network.eval()(pixel_values=torch.zeros(1, 3, *size))
    if pool == "cls" and output.last_hidden_state.ndim == 4:
        raise ModelError(
            f"{reference}: it has a feature for each place and no first token; valid: ?pool=mean, "
            "?pool=pooler"
        )
    if pool is not None:
        return pool
    if output.get("image_embeds") is not None:
        return "projection"
    if output.get("pooler_output") is not None and not any("pooler" in name for name in missing):
        return "pooler"
    return "cls" if output.last_hidden_state.ndim == 3 else "mean"


def _input_side(config: dict[str, Any]) -> int:
    size = config.get("image_size") or config.get("vision_config", {}).get("image_size") or 224
    return int(size[0] if isinstance(size, list) else size)


def _preprocessing(
    folder: Path, reference: str, *, checked: bool
) -> tuple[Preprocessing, tuple[str, ...]]:
    """Read the preprocessing from preprocessor_config.json; return it with notes.

    Args:
        checked: whether it has to make the pixels that its processor makes.
    """
    file = folder / "preprocessor_config.json"
    if not file.is_file():
        return Preprocessing(), (f"no {file.name}; ImageNet's preprocessing assumed",)
    # The file alone lacks what is the default of the processor's class.
    from transformers import AutoImageProcessor

    try:
        processor = AutoImageProcessor.from_pretrained(
            folder, local_files_only=True, trust_remote_code=False
        )
    except Exception as error:  # of many kinds: no such class, or a package that it needs
        preprocessing = of_transformers(_json(file, reference))
        note = f"preprocessing: not compared with its processor: {one_line(error)}"
        return preprocessing, (note,)
    preprocessing = of_transformers(processor.to_dict())
    if checked:
        check_processor(processor, preprocessing)
    return preprocessing, ()
