"""The declaration of a factor: all that is known of it outside `dmlgen.scene`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, TypeAlias

from dmldata.contract.factors import Factor, Value
from dmlgen.catalog.places import PLACE_KINDS, PlaceKind

Names: TypeAlias = Callable[[], tuple[str, ...]]


@dataclass(frozen=True)
class Needed:
    """A value of another factor, without which a factor means nothing."""

    factor: str
    value: Value


@dataclass(frozen=True)
class FactorDeclaration:
    """One factor.

    Attributes:
        key: its name in recipes, plans and tables.
        group: the factors that a sweep changes together.
        kind: `categorical` (names), `linear` (numbers) or `cyclic` (numbers on a circle).
        meaning: one line for people.
        values: what it takes where a recipe says `default`; a function where the names are those
            of files.
        default: its value where a recipe neither varies nor holds it.
        range: lowest and highest number that can be rendered, in its unit.
        unit: empty for a pure number or a name.
        period: length of the circle in its unit, for cyclic factors alone.
        applies_in: the kinds of places in which it means something; elsewhere its value is null.
        needs: the value of another factor in which it means something; elsewhere its value is
            null, too.
        user_values: names of the user's own files, which are valid too.
        check_name: raises InputError for a name that cannot be rendered, where more names are
            valid than `values` has.
    """

    key: str
    group: str
    kind: Literal["categorical", "linear", "cyclic"]
    meaning: str
    values: tuple[Value, ...] | Names
    default: Value
    range: tuple[float, float] = (0.0, 1.0)
    unit: str = ""
    period: float | None = None
    applies_in: frozenset[PlaceKind] = PLACE_KINDS
    needs: Needed | None = None
    user_values: Names = tuple
    check_name: Callable[[str], object] | None = None

    def factor(self) -> Factor:
        """Return the factor with its default set of values, as it is written to manifests."""
        return Factor(
            key=self.key,
            group=self.group,
            kind=self.kind,
            unit=self.unit,
            period=self.period,
            meaning=self.meaning,
            values=self.values() if callable(self.values) else self.values,
        )
