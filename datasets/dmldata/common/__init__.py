"""What both commands share and that knows nothing of datasets, models or Blender."""
