"""Steps of the conversion of a car; they import Blender."""
