"""Build in Blender what a row of the plan describes. Only the render worker imports this."""
