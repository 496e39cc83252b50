"""`model.safetensors`: tensors of a trunk and a linear embedder, with `dmlprism.json` in or beside.

The tensors are named `trunk.*`, and `embedder.weight` [D, F] and `embedder.bias` [D], both of which
may be missing. `dmlprism.json` says which trunk: `timm:NAME` or `bn_inception`. Nothing in such a
file is ever executed.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from dmlbench.models.bn_inception import BNInception
from dmlbench.models.contract import LoadedModel, make_id
from dmlbench.models.metadata import FILE_NAME, Metadata, find_metadata
from dmlbench.models.network import EmbeddingNetwork
from dmlbench.models.options import Options
from dmlbench.models.preprocessing import Preprocessing
from dmlbench.models.weights import difference, fits, hash_tensors, read_weights
from dmldata.common.errors import InputError, ModelError
from dmldata.common.files import atomic_file
from dmldata.common.foreign import reading

BN_INCEPTION = "bn_inception"
_EMBEDDER = ("embedder.weight", "embedder.bias")


def load(reference: str, options: Options) -> LoadedModel:
    """The network in a `.safetensors` file, in eval mode.

    Raises:
        ModelError: no such file, not safetensors, no valid metadata, or tensors that do not fit the
            trunk that it names; UnknownNameError for an unknown field.
    """
    path = Path(reference)
    if not path.is_file():
        raise ModelError(f"{reference}: no such file")
    found = read_weights(path)
    metadata = find_metadata(path, embedded_metadata(path))
    if metadata is None or metadata.trunk is None:
        raise ModelError(
            f"{reference}: nothing says which network its tensors are of; valid: '{FILE_NAME}' in "
            f"its metadata or {path.with_suffix('.json').name} beside it, with 'trunk'; weights "
            "alone load with timm:NAME?weights=FILE"
        )
    # First without memory for its tensors: a small file may name a large network.
    with torch.device("meta"):
        outline = _network(metadata, found, reference).state_dict()
    if not fits(outline, found):
        raise ModelError(
            f"{reference}: its tensors do not fit the trunk {metadata.trunk}: "
            f"{difference(outline, found)}"
        )
    network = _network(metadata, found, reference)
    network.load_state_dict(found)
    preprocessing = options.apply(metadata.preprocessing)
    loss, distance = options.explained_by(metadata.loss, metadata.distance)
    return LoadedModel(
        model=network.eval(),
        preprocessing=preprocessing,
        reference=reference,
        id=make_id(path.stem, f"{metadata.trunk} {hash_tensors(found)}", preprocessing),
        loss=loss,
        distance=distance,
    )


def save_safetensors(
    network: EmbeddingNetwork,
    trunk: str,
    preprocessing: Preprocessing,
    path: str | Path,
    *,
    loss: str | None = None,
    distance: str | None = None,
    training: dict[str, Any] | None = None,
) -> Path:
    """Write a network and what has to travel with it into one file that `load_model` reads.

    Args:
        network: its trunk is what `trunk` names.
        trunk: `timm:NAME` (without classifier) or `bn_inception`.
        path: the file; appears only when whole.
        loss, distance: keys of the protocol's section 6.
        training: how it was trained, for those who read the file.
    """
    from safetensors.torch import save

    options = Options(loss=loss, distance=distance)
    metadata = Metadata(preprocessing, *options.explained_by(None, ""), trunk, training)
    tensors = {name: tensor.contiguous() for name, tensor in network.state_dict().items()}
    with atomic_file(path) as file:
        file.write(save(tensors, {FILE_NAME: metadata.to_json()}))
    return Path(path)


def embedded_metadata(path: Path) -> str:
    """The text of `dmlprism.json` in a `.safetensors` file; empty where there is none."""
    from safetensors import safe_open

    with reading(str(path), "a .safetensors file", ModelError), safe_open(path, "pt") as file:
        return (file.metadata() or {}).get(FILE_NAME, "")


def _network(metadata: Metadata, found: dict[str, Tensor], reference: str) -> EmbeddingNetwork:
    trunk = _trunk(metadata.trunk or "", metadata.preprocessing, reference)
    return EmbeddingNetwork(trunk, _embedder(found, reference))


def _trunk(name: str, preprocessing: Preprocessing, reference: str) -> nn.Module:
    from dmlbench.models.timm_source import create_trunk

    if name == BN_INCEPTION:
        return BNInception()
    if name.startswith("timm:"):
        try:
            return create_trunk(name.removeprefix("timm:"), preprocessing.input_size, reference)
        except InputError as error:
            raise ModelError(f"{reference}: trunk '{name}': {error}") from error
    raise ModelError(f"{reference}: unknown trunk '{name}'; valid: timm:NAME, {BN_INCEPTION}")


def _embedder(found: dict[str, Tensor], reference: str) -> nn.Linear | None:
    weight, bias = (found.get(name) for name in _EMBEDDER)
    if weight is None:
        return None
    if weight.ndim != 2 or 0 in weight.shape:
        raise ModelError(
            f"{reference}: '{_EMBEDDER[0]}' is {list(weight.shape)}, expected [D, features]"
        )
    return nn.Linear(weight.shape[1], weight.shape[0], bias=bias is not None)
