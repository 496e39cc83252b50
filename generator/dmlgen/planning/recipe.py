"""From the name of a recipe to a resolved one: complete and checked, of which plans are drawn."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from dmldata.common.documents import load_document
from dmldata.common.errors import InputError
from dmldata.contract.factors import Factor, Value
from dmlgen.catalog.assets import recipe_file
from dmlgen.catalog.labels import CarLabel
from dmlgen.factors.registry import CAR_MODEL, DEFAULTS, factor_catalog, with_values
from dmlgen.planning.recipe_file import CATALOG_VALUES, RecipeFile, Sweep

MAX_EXTENDS = 16
"""Recipes in a chain, each of which extends the next."""


@dataclass(frozen=True)
class ResolvedRecipe:
    """A recipe in which nothing is left open: all that it extends is merged in, every factor has
    its values, and every value was checked when its file was read.

    Attributes:
        document: the fields as they are written to manifests.
        name: name of the dataset.
        title: one line for people.
        count: number of images of an independent dataset.
        sweep: group, scenes and variants, where this is a recipe of controlled interventions.
        labels: labels that follow from the car model.
        factors: key -> factor with its values in this recipe, in the order of the columns. A
            factor with one value is constant.
        value_weights: key -> value -> how often it is drawn, relative to the others, for factors
            whose values are not equally likely.
        car_splits: split -> its car models, where every split has its own; else None.
        split_by_car: car model -> split, where every split has its own car models.
    """

    document: RecipeFile
    name: str
    title: str
    count: int
    sweep: Sweep | None
    labels: tuple[CarLabel, ...]
    factors: Mapping[str, Factor]
    value_weights: Mapping[str, Mapping[Value, float]]
    car_splits: Mapping[str, Sequence[str]] | None
    split_by_car: Mapping[Value, str]

    @property
    def images(self) -> int:
        """Number of images of a dataset for which the command sets no number."""
        return self.count if self.sweep is None else self.sweep.scenes * self.sweep.variants

    def split_of(self, car: Value) -> str:
        """Return the split of an image of this car model."""
        split = self.document.split
        return split if isinstance(split, str) else self.split_by_car[car]

    def weights(self, factor: Factor) -> tuple[float, ...] | None:
        """Return how often each value of a factor is drawn, summing to 1; None: equally often."""
        weights = self.value_weights.get(factor.key)
        if weights is None or not set(factor.values) <= weights.keys():
            return None
        # The sum of finite weights need not be finite.
        largest = max(weights[value] for value in factor.values)
        relative = [weights[value] / largest for value in factor.values]
        total = sum(relative)
        return tuple(weight / total for weight in relative)


def load_recipe(name: str) -> ResolvedRecipe:
    """Read a recipe of the project by name, or a user's own by the path of its YAML file.

    Raises:
        InputError: unknown name, a file that is not valid (file, line, field), or recipes that
            extend each other in a circle.

    >>> recipe = load_recipe("paper")
    >>> recipe.count, recipe.factors["paint_hue"].varies
    (100000, True)
    """
    return resolve(_read(recipe_file(name), ()))


def resolve(document: RecipeFile) -> ResolvedRecipe:
    """Return a recipe with the values of all factors: those that it sets, or the defaults."""
    splits = document.car_splits
    return ResolvedRecipe(
        document=document,
        name=document.name,
        title=document.title,
        count=document.count,
        sweep=document.sweep,
        labels=document.labels,
        factors={
            key: _resolve_factor(document, factor)
            for key, factor in factor_catalog().factors.items()
        },
        value_weights={k: v for k, v in document.vary.items() if isinstance(v, dict)},
        car_splits=splits,
        split_by_car={car: split for split, cars in (splits or {}).items() for car in cars},
    )


def _resolve_factor(document: RecipeFile, factor: Factor) -> Factor:
    key = factor.key
    if key == CAR_MODEL and document.car_splits is not None:
        return with_values(factor, tuple(c for cars in document.car_splits.values() for c in cars))
    if key not in document.vary:
        return with_values(factor, (document.hold.get(key, DEFAULTS[key]),))
    values = document.vary[key]
    return factor if values == CATALOG_VALUES else with_values(factor, tuple(values))


def _read(file: Path, extending: tuple[Path, ...]) -> RecipeFile:
    """Read a recipe file and merge in what it extends.

    Args:
        extending: the files that extend this one, the user's first.
    """
    if file.resolve() in extending:
        chain = " -> ".join(path.name for path in (*extending, file))
        raise InputError(f"{extending[0]}: extends itself ({chain})")
    if len(extending) == MAX_EXTENDS:
        raise InputError(f"{extending[0]}: extends {MAX_EXTENDS} others in a chain; valid: fewer")
    document = load_document(RecipeFile, file)
    whole = document
    if document.extends is not None:
        whole = _merged(document, document.extends, file, extending)
    _check_sweep(document, whole, file)
    return whole


def _merged(
    document: RecipeFile, extends: str, file: Path, extending: tuple[Path, ...]
) -> RecipeFile:
    """Return the recipe in `file` with the one that it extends merged in."""
    sibling = file.parent / extends
    base = recipe_file(str(sibling) if sibling.suffix else extends)
    extended = _read(base, (*extending, file.resolve()))
    try:
        return document.extend(extended)
    except ValueError as error:
        raise InputError(f"{file}: {error}") from None


def _check_sweep(document: RecipeFile, whole: RecipeFile, file: Path) -> None:
    """Check that a file sets nothing that the sweep which it is, or extends, would overrule."""
    if whole.sweep is None:
        return
    if "count" in document.model_fields_set:
        raise InputError(f"{file}: count: is for datasets that are no sweep; valid: sweep.scenes")
    group = whole.sweep.group
    for factor in factor_catalog().group(group):
        if factor.key in document.hold:
            raise InputError(
                f"{file}: hold: '{factor.key}' belongs to the group '{group}', which is swept; "
                f"valid: in vary, with one value, to keep it in all variants"
            )
