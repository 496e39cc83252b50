"""`model.safetensors`: tensors of a trunk and a linear embedder, with `dmlprism.json` in or beside.

The tensors are named `trunk.*`, `embedder.weight` [D, F] and `embedder.bias` [D]; the last two may
be missing. `dmlprism.json` names the trunk: `timm:NAME` or `bn_inception`. Nothing in such a file
is ever executed.
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
from dmlbench.models.options import ModelOptions
from dmlbench.models.preprocessing import Preprocessing
from dmlbench.models.weights import difference, fits, hash_tensors, read_weights
from dmldata.common.errors import InputError, ModelError
from dmldata.common.files import atomic_file
from dmldata.common.foreign import reading

BN_INCEPTION = "bn_inception"
_EMBEDDER = ("embedder.weight", "embedder.bias")


def load(reference: str, options: ModelOptions) -> LoadedModel:
    """Load the network in a `.safetensors` file, in eval mode.

    Raises:
        ModelError: no such file, not safetensors, no valid metadata, or tensors that do not fit the
            trunk named in the metadata; UnknownNameError for an unknown field.
    """
    path = Path(reference)
    if not path.is_file():
        raise ModelError(f"{reference}: no such file")
    state = read_weights(path)
    metadata = find_metadata(path, embedded_metadata(path))
    if metadata is None or metadata.trunk is None:
        raise ModelError(
            f"{reference}: no metadata says which network its tensors belong to; valid: "
            f"'{FILE_NAME}' in its metadata or {path.with_suffix('.json').name} beside it, with "
            "'trunk'; weights alone load with timm:NAME?weights=FILE"
        )
    # Check on the meta device before allocating tensors: a small file may name a large network.
    with torch.device("meta"):
        outline = _network(metadata, state, reference).state_dict()
    if not fits(outline, state):
        raise ModelError(
            f"{reference}: its tensors do not fit the trunk {metadata.trunk}: "
            f"{difference(outline, state)}"
        )
    network = _network(metadata, state, reference)
    network.load_state_dict(state)
    preprocessing = options.apply(metadata.preprocessing)
    loss, distance = options.explained_by(metadata.loss, metadata.distance)
    return LoadedModel(
        model=network.eval(),
        preprocessing=preprocessing,
        reference=reference,
        id=make_id(path.stem, f"{metadata.trunk} {hash_tensors(state)}", preprocessing),
        loss=loss,
        distance=distance,
        classes=metadata.classes,
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
    """Write a network and its metadata into one file that `load_model` reads.

    Args:
        network: network whose trunk is the one named by `trunk`.
        trunk: `timm:NAME` (without classifier) or `bn_inception`.
        path: the file to write; it is written atomically.
        loss, distance: keys of the protocol's section 6.
        training: how it was trained, as information for readers of the file.

    ```python
    trunk = timm.create_model("resnet50", num_classes=0)
    network = EmbeddingNetwork(trunk, torch.nn.Linear(2048, 128))
    save_safetensors(network, "timm:resnet50", Preprocessing(), "model.safetensors", loss="arcface")
    ```
    """
    from safetensors.torch import save

    options = ModelOptions(loss=loss, distance=distance)
    metadata = Metadata(preprocessing, *options.explained_by(None, ""), trunk, training)
    tensors = {name: tensor.contiguous() for name, tensor in network.state_dict().items()}
    with atomic_file(path) as file:
        file.write(save(tensors, {FILE_NAME: metadata.to_json()}))
    return Path(path)


def embedded_metadata(path: Path) -> str:
    """Return the text of `dmlprism.json` in a `.safetensors` file; empty if there is none."""
    from safetensors import safe_open

    with reading(str(path), "a .safetensors file", ModelError), safe_open(path, "pt") as file:
        return (file.metadata() or {}).get(FILE_NAME, "")


def _network(metadata: Metadata, state: dict[str, Tensor], reference: str) -> EmbeddingNetwork:
    trunk = _trunk(metadata.trunk or "", metadata.preprocessing, reference)
    return EmbeddingNetwork(trunk, _embedder(state, reference))


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


def _embedder(state: dict[str, Tensor], reference: str) -> nn.Linear | None:
    weight, bias = (state.get(name) for name in _EMBEDDER)
    if weight is None:
        return None
    if weight.ndim != 2 or 0 in weight.shape:
        raise ModelError(
            f"{reference}: '{_EMBEDDER[0]}' is {list(weight.shape)}, expected [D, features]"
        )
    return nn.Linear(weight.shape[1], weight.shape[0], bias=bias is not None)
