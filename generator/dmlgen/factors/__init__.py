"""Factors: the properties of an image that the generator controls, one file per group.

A new factor is one declaration in the file of its group, and the code in `dmlgen.scene` that acts
on it. A new group is one file more, which `dmlgen.factors.registry` lists.
"""
