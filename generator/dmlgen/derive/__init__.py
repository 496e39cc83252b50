"""Derived car models: the surfaces of a real car in other proportions.

A name such as `derived:fordFocus-017` is a model: the base car's mesh after a smooth warp whose
numbers follow from the name alone. Nothing is stored; the mesh is computed when it is loaded.
"""
