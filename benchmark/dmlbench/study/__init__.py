"""The paper in one command: train or load a model per loss and fold, measure and compare them.

`load_study` reads a recipe, `run_study` runs all steps that are not finished;
`dmlbench.present.study_files.write_study` writes the page, the tables and the summary.
"""

from dmlbench.study.findings import Findings
from dmlbench.study.recipe import StudyRecipe, load_study, recipe_names
from dmlbench.study.run import run_study

__all__ = [
    "Findings",
    "StudyRecipe",
    "load_study",
    "recipe_names",
    "run_study",
]
