"""What can stand in a picture: cars, places, surfaces and recipes, read without Blender."""
