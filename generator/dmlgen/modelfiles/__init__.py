"""Check model files and make them safe before Blender reads them. Needs no Blender."""
