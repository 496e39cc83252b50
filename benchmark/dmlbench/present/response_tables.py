"""Response curves as tables: what changes of each size do, one column per model."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

from dmlbench.present.table import Column, Estimate, Row, Table, names
from dmlbench.results.files import Interventions
from dmlbench.scores.registry import RESPONSE, RESPONSE_RETRIEVAL, ScoreDeclaration
from dmlbench.scores.response import FactorResponse, ResponsePoint
from dmlbench.scores.score import Score

Curves = Mapping[str, FactorResponse]
"""The response curves of one factor, by label of the model."""


def curves_by_factor(
    interventions: Mapping[str, Interventions],
) -> dict[str, dict[str, FactorResponse]]:
    """Return the curves of the models, by factor and then by label of the model.

    Args:
        interventions: by label of the model.
    """
    curves: dict[str, dict[str, FactorResponse]] = {}
    for label, of_model in interventions.items():
        for response in of_model.response:
            curves.setdefault(response.factor, {})[label] = response
    return curves


def size_text(size: float | None, unit: str) -> str:
    """Return the size of a change as text.

    >>> size_text(10.0, "degrees"), size_text(0.25, ""), size_text(None, "")
    ('10 degrees', '0.25', 'any other')
    """
    return "any other" if size is None else f"{size:.3g} {unit}".strip()


def response_tables(interventions: Mapping[str, Interventions]) -> Iterator[Table]:
    """Yield a table of distances and one of retrieval; none without curves.

    Args:
        interventions: by label of the model.
    """
    curves = curves_by_factor(interventions)
    if not curves:
        return
    group = next(iter(interventions.values())).group
    yield _table(
        f"Response to changing {group}, by size (95 % interval)",
        RESPONSE,
        curves,
        lambda point: point.response,
        "Mean distance between two images of a scene, over the median distance between different "
        "cars in the same variant; 1 is as far as another car is.",
    )
    yield _table(
        f"Same car after changing {group}, by size (95 % interval)",
        RESPONSE_RETRIEVAL,
        curves,
        lambda point: point.retrieval,
        "How often an image is nearer to one of the same car after the change than to any of "
        "another car without it. By chance: for random embeddings.",
        expected=True,
    )


def _table(
    title: str,
    declaration: ScoreDeclaration,
    curves: Mapping[str, Curves],
    score: Callable[[ResponsePoint], Score],
    note: str,
    *,
    expected: bool = False,
) -> Table:
    labels = list(dict.fromkeys(label for of_factor in curves.values() for label in of_factor))
    rows: list[Row] = []
    for factor, of_factor in curves.items():
        first = next(iter(of_factor.values()))
        for place, point in enumerate(first.points):
            points = [
                of_factor[label].points[place] if label in of_factor else None for label in labels
            ]
            cells = (
                None if at is None else Estimate(score(at).value, score(at).ci95) for at in points
            )
            chance = (point.retrieval_expected,) if expected else ()
            rows.append((factor, size_text(point.size, first.unit), *cells, *chance, point.pairs))
    columns = (
        *names("factor", "change"),
        *(Column(label, declaration.digits) for label in labels),
        *((Column("by chance", declaration.digits),) if expected else ()),
        Column("pairs", spare=1),
    )
    return Table(title, columns, rows, note)
