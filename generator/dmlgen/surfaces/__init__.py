"""Surfaces of grounds and walls: computed once, shipped as images, tiled in the scene."""
