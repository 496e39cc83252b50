"""Which car is in the picture."""

from __future__ import annotations

from functools import partial

from dmlgen.catalog.assets import project_names, real_car
from dmlgen.factors.declaration import FactorDeclaration

FACTORS = (
    FactorDeclaration(
        key="car_model",
        group="model",
        kind="categorical",
        meaning="which car",
        values=partial(project_names, "cars"),
        check_name=real_car,
        default="fordFocus",
    ),
)
