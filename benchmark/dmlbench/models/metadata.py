"""`dmlprism.json`: the metadata of a model file, stored in it or beside it as `model.json`."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dmlbench.models.contract import EmbeddingModel, LoadedModel, make_id
from dmlbench.models.options import ModelOptions
from dmlbench.models.preprocessing import Preprocessing
from dmldata.common.errors import ModelError, UnknownNameError
from dmldata.common.files import read_file, sha256_of
from dmldata.common.foreign import reading
from dmldata.common.strict import parse_plain_json

FILE_NAME = "dmlprism.json"
FORMAT = 1
_FIELDS = ("format", "trunk", "preprocessing", "loss", "distance", "training")
_TEXTS = ("trunk", "loss", "distance")


@dataclass(frozen=True)
class Metadata:
    """Preprocessing, and the loss and distance if they are known.

    Attributes:
        trunk: name of the network that the tensors of a `.safetensors` file belong to; None in
            files that hold their own code.
        training: how the model was trained, as written by `dmlbench train`; None if unknown.
    """

    preprocessing: Preprocessing
    loss: str | None = None
    distance: str = ""
    trunk: str | None = None
    training: dict[str, Any] | None = None

    @property
    def classes(self) -> tuple[str, ...]:
        """Names of the classes of the training, as far as it says so."""
        part: Any = self.training
        for name in ("classes", "train", "names"):
            part = part.get(name) if isinstance(part, dict) else None
        return tuple(map(str, part)) if isinstance(part, list) else ()

    def to_json(self) -> str:
        content: dict[str, Any] = {
            "format": FORMAT,
            "preprocessing": self.preprocessing.describe(),
            "loss": self.loss,
            "distance": self.distance or None,
        }
        if self.trunk is not None:
            content["trunk"] = self.trunk
        if self.training is not None:
            content["training"] = self.training
        return json.dumps(content, indent=1)


def read_metadata(text: str | bytes, where: str) -> Metadata:
    """Parse metadata from JSON text.

    Args:
        where: name of the file, for messages.

    Raises:
        ModelError, UnknownNameError: the content is not valid; the message names the field.
    """
    content = parse_plain_json(text, where, ModelError)
    if not isinstance(content, dict) or not isinstance(content.get("preprocessing"), dict):
        raise ModelError(f"{where}: expected an object with 'preprocessing'")
    for name in content:
        if name not in _FIELDS:
            raise UnknownNameError("field", name, _FIELDS, where)
    if content.get("format", FORMAT) != FORMAT:
        raise ModelError(f"{where}: format {content['format']} is not known; valid: {FORMAT}")
    for name in _TEXTS:
        if not isinstance(content.get(name), str | None):
            raise ModelError(f"{where}: {name} {content[name]} is not valid; valid: text or null")
    if not isinstance(content.get("training"), dict | None):
        raise ModelError(f"{where}: training is not valid; valid: an object or null")
    return Metadata(
        Preprocessing.from_description(content["preprocessing"], where),
        content.get("loss"),
        content.get("distance") or "",
        content.get("trunk"),
        content.get("training"),
    )


def find_metadata(path: Path, embedded: str | bytes) -> Metadata | None:
    """Return the embedded metadata, else the sidecar's (`model.json` of `model.pt`), else None.

    Raises:
        ModelError, UnknownNameError: the metadata is not valid; the message says in which file.
    """
    sidecar = path.with_suffix(".json")
    if embedded:
        return read_metadata(embedded, f"{path}:{FILE_NAME}")
    if sidecar.is_file():
        with reading(str(sidecar), FILE_NAME, ModelError):
            text = read_file(sidecar)
        return read_metadata(text, str(sidecar))
    return None


def describe_model(
    model: EmbeddingModel,
    reference: str,
    embedded: str | bytes,
    options: ModelOptions,
    size: tuple[int, int] | None = None,
) -> LoadedModel:
    """Combine a model with the metadata of its file `reference` and the user's options.

    Without metadata, ImageNet's preprocessing is used, with a note on what had to be assumed.

    Args:
        embedded: metadata text that the file itself holds; empty for none.
        size: (H, W) in pixels, if the model accepts only one input size.

    Raises:
        ModelError, UnknownNameError: the metadata is not valid.
    """
    path = Path(reference)
    metadata, notes = _metadata_of(path, embedded, options, size)
    preprocessing = options.apply(metadata.preprocessing)
    loss, distance = options.explained_by(metadata.loss, metadata.distance)
    return LoadedModel(
        model=model,
        preprocessing=preprocessing,
        reference=reference,
        id=make_id(path.stem, sha256_of(path), preprocessing),
        loss=loss,
        distance=distance,
        notes=notes,
        classes=metadata.classes,
    )


def _metadata_of(
    path: Path, embedded: str | bytes, options: ModelOptions, size: tuple[int, int] | None
) -> tuple[Metadata, tuple[str, ...]]:
    metadata = find_metadata(path, embedded)
    if metadata is not None:
        return metadata, ()
    assumed = [name for name in options.assumed() if not (size and name == "input_size")]
    note = f"{path.name} holds no preprocessing; ImageNet's assumed for {', '.join(assumed)}"
    preprocessing = Preprocessing(input_size=size) if size else Preprocessing()
    return Metadata(preprocessing), (note,) if assumed else ()
