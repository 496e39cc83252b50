"""Names that differ between Blender 4.5 and Blender 5.2."""

from __future__ import annotations

import bpy

_IS_5 = bpy.app.version >= (5, 0, 0)

SINGLE_SCATTERING_SKY = "SINGLE_SCATTERING" if _IS_5 else "NISHITA"
"""The `sky_type` of Nishita's model of the sky (Nishita et al., SIGGRAPH 1993), in both."""

MATERIAL_INDEX_PASS = "Material Index" if _IS_5 else "IndexMA"
"""The render pass that holds `material.pass_index`."""
