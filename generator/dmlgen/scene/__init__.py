"""Builds in Blender what a row of the plan describes. Imported by the render worker only."""
