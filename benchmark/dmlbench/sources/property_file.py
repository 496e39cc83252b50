"""A file that says what the properties of a source are."""

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
    """What is known of one property.

    Attributes:
        kind: 'ignore' leaves it out; None infers it from the values.
        period: length of the circle in the property's unit; given exactly for cyclic ones.
        bins: of equally many images, that numbers are put into where they take more values.
    """

    kind: Literal["categorical", "linear", "cyclic", "ignore"] | None = None
    unit: str = Field(default="", pattern=r"^[^\r\n]*$")
    period: float | None = Field(default=None, gt=0)
    bins: int | None = Field(default=None, ge=2)

    @model_validator(mode="after")
    def _check(self) -> PropertySpec:
        if (self.kind == "cyclic") != (self.period is not None):
            raise ValueError("period: given exactly for kind 'cyclic'")
        if self.bins is not None and self.kind in ("categorical", "ignore"):
            raise ValueError("bins: given for numbers only")
        return self


class PropertySpecs(RootModel[dict[str, PropertySpec]]):
    """The whole file."""


def read_property_file(path: str | Path) -> dict[str, PropertySpec]:
    """Read a YAML or JSON file: by name of a property, what is known of it.

    Raises:
        InputError: it cannot be read, or is not such a file; the message names the field.
    """
    path = Path(path)
    with reading(str(path), VALID):
        text = read_file(path, MAX_YAML_BYTES).decode()
    try:
        content, _ = parse_yaml(text, str(path))
    except InputError as error:
        raise InputError(f"{error}; not YAML; valid: {VALID}") from None
    if not isinstance(content, dict):
        raise InputError(f"{path}: no mapping; valid: {VALID}")
    try:
        return PropertySpecs.model_validate(content).root
    except ValidationError as error:
        raise InputError(f"{path}: {explain(error, PropertySpecs)}; valid: {VALID}") from None
