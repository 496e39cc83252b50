"""`dmlprism.json`: what travels with a model file, in it or beside it as `model.json`."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from dmlbench.models.preprocessing import Preprocessing
from dmldata.errors import ModelError, UnknownNameError

FILE_NAME = "dmlprism.json"
FORMAT = 1
_FIELDS = ("format", "preprocessing", "loss", "distance")


@dataclass(frozen=True)
class Metadata:
    """Preprocessing, and the loss and distance where they are known."""

    preprocessing: Preprocessing
    loss: str | None = None
    distance: str = ""

    def to_json(self) -> str:
        content: dict[str, Any] = {
            "format": FORMAT,
            "preprocessing": self.preprocessing.describe(),
            "loss": self.loss,
            "distance": self.distance or None,
        }
        return json.dumps(content, indent=1)


def read_metadata(text: str | bytes, where: str) -> Metadata:
    """From JSON.

    Raises:
        ModelError, UnknownNameError: what is wrong in `where`.
    """
    try:
        content = json.loads(text)
    except ValueError as error:
        raise ModelError(f"{where}: not JSON: {error}") from error
    if not isinstance(content, dict) or not isinstance(content.get("preprocessing"), dict):
        raise ModelError(f"{where}: expected an object with 'preprocessing'")
    for name in content:
        if name not in _FIELDS:
            raise UnknownNameError("field", name, _FIELDS, where)
    if content.get("format", FORMAT) != FORMAT:
        raise ModelError(f"{where}: format {content['format']} is not known; valid: {FORMAT}")
    preprocessing = Preprocessing.from_description(content["preprocessing"], where)
    return Metadata(preprocessing, content.get("loss"), content.get("distance") or "")
