"""Panes with a seal, in place of patches of a car's surface."""

from __future__ import annotations

from dmlgen.derive.cut import cut
from dmlgen.derive.glb import Part
from dmlgen.derive.patches import Patch

SEALS = {"narrow_seal": 0.014, "wide_seal": 0.03}
"""Widths in meters of the matt black border of a pane, by name of the design."""
CHORD = 0.06
"""Maximum length of a straight piece of the seal's inner edge, in meters."""


def pane(patch: Patch, design: str) -> list[Part]:
    """Return a pane and its seal in place of `patch`; `design` is a key of SEALS."""
    seal, rest = cut(patch.part, lambda at: SEALS[design] - patch.border_distance(at), CHORD)
    seal.material, seal.uv, rest.material = "rubber", None, patch.part.role
    return [part for part in (seal, rest) if len(part.triangles)]
