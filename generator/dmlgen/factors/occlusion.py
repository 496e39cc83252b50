"""What stands between the camera and the car."""

from __future__ import annotations

from dmlgen.factors.declaration import FactorDeclaration

FACTORS = (
    FactorDeclaration(
        key="occlusion",
        group="occlusion",
        kind="categorical",
        meaning="what stands between camera and car",
        values=("none", "post", "sign", "bin", "bush"),
        default="none",
    ),
)
