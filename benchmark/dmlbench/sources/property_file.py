"""Read the file that describes the properties of a source."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import Field, RootModel, ValidationError, model_validator

from dmldata.common.documents import MAX_YAML_BYTES, parse_yaml
from dmldata.common.errors import InputError
from dmldata.common.files import read_file
from dmldata.common.foreign import reading
from dmldata.common.strict import StrictModel, explain

VALID = "a YAML or JSON file as 'angle: {kind: cyclic, period: 360, unit: degrees}'"


class PropertySpec(StrictModel):
    """What is known about one property.

    Attributes:
        kind: kind of the property; 'ignore' leaves it out, and None infers it from the values.
        unit: unit of the values; empty if there is none.
        period: period of a cyclic property in its unit; required for cyclic properties only.
        bins: number of bins of equally many images, for numbers with more different values.
    """

    kind: Literal["categorical", "linear", "cyclic", "ignore"] | None = None
    unit: str = Field(default="", pattern=r"^[^\r\n]*$")
    period: float | None = Field(default=None, gt=0)
    bins: int | None = Field(default=None, ge=2)

    @model_validator(mode="after")
    def _check(self) -> PropertySpec:
        if (self.kind == "cyclic") != (self.period is not None):
            raise ValueError("period: required for kind 'cyclic', and valid for no other kind")
        if self.bins is not None and self.kind in ("categorical", "ignore"):
            raise ValueError("bins: valid for numbers only, of kind 'linear' or 'cyclic'")
        return self


class PropertySpecs(RootModel[dict[str, PropertySpec]]):
    """The content of a property file: specs by name of the property."""


def read_property_file(path: str | Path) -> dict[str, PropertySpec]:
    """Read a YAML or JSON file and return what it says about properties, by their names.

    Raises:
        InputError: the file cannot be read, or is not valid; the message names the field.
    """
    path = Path(path)
    with reading(str(path), VALID):
        text = read_file(path, MAX_YAML_BYTES).decode()
    try:
        content, _ = parse_yaml(text, str(path))
    except InputError as error:
        raise InputError(f"{error}; not YAML; valid: {VALID}") from None
    if not isinstance(content, dict):
        raise InputError(f"{path}: not a mapping; valid: {VALID}")
    try:
        return PropertySpecs.model_validate(content).root
    except ValidationError as error:
        raise InputError(f"{path}: {explain(error, PropertySpecs)}; valid: {VALID}") from None
