"""A factor: one property of an image that the generator controls, and its finite set of values."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, model_validator

from dmldata.common.errors import InputError, UnknownNameError
from dmldata.common.strict import StrictModel

Value = str | float

RESERVED_KEYS = frozenset(
    {"key", "shard", "split", "scene_id", "variant_id", "seed", "credits_id"}
    | {"car_x0", "car_y0", "car_x1", "car_y1", "car_area", "camera_matrix"}
)


class Factor(StrictModel):
    """One factor of a dataset.

    Attributes:
        key: name of its column in samples.parquet; its bin is in `<key>_bin`.
        group: factors that a sweep changes together have the same group ('color', 'pose', ...).
        kind: 'categorical' (no order), 'linear' (ordered) or 'cyclic' (ordered on a circle).
        unit: 'degrees', 'meters', ...; empty for a pure number or a name.
        period: length of the circle in the factor's unit; None unless the factor is cyclic.
        meaning: description in one line.
        values: the finite set of values; a bin is an index into it. A factor with a single value is
            constant in this dataset.
    """

    key: str = Field(pattern=r"^[a-z][a-z0-9_]*$")
    group: str = Field(pattern=r"^[a-z][a-z0-9_]*$")
    kind: Literal["categorical", "linear", "cyclic"]
    unit: str = ""
    period: float | None = None
    meaning: str = Field(pattern=r"^[^\r\n]+$")
    values: tuple[Value, ...] = Field(min_length=1)

    @model_validator(mode="after")
    def _check(self) -> Factor:
        if self.key in RESERVED_KEYS or self.key.endswith("_bin"):
            raise ValueError(f"key '{self.key}' is the name of another column")
        if len({isinstance(value, str) for value in self.values}) > 1:
            raise ValueError(f"values of '{self.key}' mix names and numbers")
        if len(set(self.values)) < len(self.values):
            raise ValueError(f"values of '{self.key}' occur more than once")
        if self.kind != "categorical" and not self.is_numeric:
            raise ValueError(f"values of '{self.key}' have to be numbers: it is {self.kind}")
        if (self.kind == "cyclic") != (self.period is not None):
            raise ValueError(f"period of '{self.key}': given exactly for cyclic factors")
        if self.period is not None:
            self._check_circle(self.period)
        return self

    def _check_circle(self, period: float) -> None:
        if period <= 0:
            raise ValueError(f"period of '{self.key}': has to be above 0")
        numbers = [float(value) for value in self.values]
        if max(numbers) - min(numbers) >= period:
            raise ValueError(f"values of '{self.key}': span a full period or more ({period})")

    @property
    def is_numeric(self) -> bool:
        """Return True if the values are numbers, False if they are names."""
        return not isinstance(self.values[0], str)

    @property
    def varies(self) -> bool:
        """Return False for a factor that is constant in its dataset."""
        return len(self.values) > 1

    def bin_of(self, value: Value | None) -> int | None:
        """Return the index of a value; None if the factor does not apply (value None).

        Raises:
            UnknownNameError: a name that is not one of the values.
            InputError: a number that is not exactly one of the values.

        >>> height = Factor(key="camera_height", group="pose", kind="linear", unit="meters",
        ...                 meaning="camera above ground", values=(0.5, 1.0, 1.5))
        >>> height.bin_of(1.0), height.bin_of(None)
        (1, None)
        >>> try:
        ...     height.bin_of(0.9)
        ... except InputError as error:
        ...     print(error)
        factor 'camera_height': 0.9 is not one of its 3 values (nearest: 1.0)
        """
        if value is None:
            return None
        if value in self.values:
            return self.values.index(value)
        names = [str(known) for known in self.values]
        if not self.is_numeric:
            raise UnknownNameError(f"value of factor '{self.key}'", str(value), names)
        where = f"factor '{self.key}': {value!r} is not one of its {len(names)} values"
        if isinstance(value, str):
            raise InputError(f"{where}, which are numbers: {', '.join(names)}")
        nearest = min((float(known) for known in self.values), key=lambda known: abs(known - value))
        raise InputError(f"{where} (nearest: {nearest})")
