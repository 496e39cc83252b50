"""Environments: what scenes/environments/*.yaml hold."""

from __future__ import annotations

from typing import Literal

from dmldata.strict import StrictModel
from dmlgen.assets import environment_file
from dmlgen.documents import load_document


class EnvironmentSpec(StrictModel):
    """An environment file.

    Attributes:
        kind: which builder in `dmlgen.scene` makes it.
        lit_radius: metres from the car; the floor takes the light within the first and has
            passed into the plain backdrop beyond the second.
    """

    name: str
    title: str
    kind: Literal["backdrop"]
    lit_radius: tuple[float, float]


def load_environment(name: str) -> EnvironmentSpec:
    """The environment `name`.

    Raises:
        InputError: unknown, or a file that is not valid (file, line, field).
    """
    return load_document(EnvironmentSpec, environment_file(name))
