"""Blender meshes and materials that the import of cars and the scene share."""
