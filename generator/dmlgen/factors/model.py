"""Which car is in the picture."""

from __future__ import annotations

from dmlgen.catalog.assets import project_car_names, real_car
from dmlgen.factors.declaration import FactorDeclaration

FACTORS = (
    FactorDeclaration(
        key="car_model",
        group="model",
        kind="categorical",
        meaning="which car",
        values=project_car_names,
        check_name=real_car,
        default="fordFocus",
    ),
)
