"""From a recipe to the plan of a dataset: one row per image."""
