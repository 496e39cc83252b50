"""Tables of a comparison, the same at the terminal, in Markdown and in LaTeX."""

from __future__ import annotations

from collections.abc import Iterator

from dmlbench.compare.comparison import Bound, Comparison, Pair
from dmlbench.compare.differences import Difference
from dmlbench.present.group_tables import group_tables
from dmlbench.present.result_tables import NONE, Marked, Table, interval, number, print_table
from dmlbench.results.files import Score
from dmlbench.scores.registry import MAIN, ScoreDeclaration, declared
from dmldata.common.output import say

NR_TITLE = f"{MAIN.title} (95 % interval); in brackets: inside chance"
MAX_PAIRS = 3
"""Pairs of models whose differences fit into the columns of a table."""


def comparison_tables(comparison: Comparison) -> Iterator[Table]:
    """Yield all tables that have content."""
    yield property_table(comparison)
    if 0 < _pairs(comparison) <= MAX_PAIRS:
        yield difference_table(comparison)
    if comparison.interventions:
        yield intervention_table(comparison)
    if comparison.saliency is not None:
        if comparison.saliency.pairs:
            yield correlation_table(comparison)
            yield pair_table(comparison)
        yield attention_table(comparison)
    if comparison.groups is not None:
        yield from group_tables(comparison.groups)


def print_comparison(comparison: Comparison) -> None:
    """Print all tables and notes."""
    for table in comparison_tables(comparison):
        print_table(table)
    for note in comparison.notes:
        say(f"note: {note}")


def property_table(comparison: Comparison) -> Table:
    """Return one row per property, one column per model; the best and those tied are marked."""
    labels = [model.label for model in comparison.models]
    rows = []
    for name, by_model in comparison.properties.items():
        marked = comparison.leaders(name)
        shown = {model: _score(MAIN, scored.scores[MAIN.key]) for model, scored in by_model.items()}
        cells = [
            (Marked if model.id in marked else str)(shown[model.id]) for model in comparison.models
        ]
        rows.append((name, *cells))
    note = tie_note(comparison) if len(labels) > 1 else ""
    return Table(NR_TITLE, ("property", *labels), rows, note)


def tie_note(comparison: Comparison) -> str:
    """Return the note on the marks in the table of properties; empty if nothing is marked."""
    known = any(comparison.leaders(name) for name in comparison.properties)
    return (
        "Marked, where beyond chance: the highest of a property, and what is tied with it: the "
        "95 % interval of the paired difference (jackknife, same images, not corrected for the "
        "number of pairs) holds 0."
        if known
        else ""
    )


def difference_table(comparison: Comparison) -> Table:
    """Return one row per property and one column per pair of models; many pairs become rows."""
    title = f"Differences of {MAIN.title} (95 % interval, paired)"
    by_property = comparison.differences
    first = next(iter(by_property.values()), ())
    names = [f"{comparison.label(pair.a)} - {comparison.label(pair.b)}" for pair in first]
    cells = [list(map(_difference, differences)) for differences in by_property.values()]
    if len(names) <= MAX_PAIRS:
        rows = [(name, *row) for name, row in zip(by_property, cells, strict=True)]
        return Table(title, ("property", *names), rows)
    rows = [(name, *row) for name, row in zip(names, zip(*cells, strict=True), strict=True)]
    return Table(title, ("models", *by_property), rows)


def intervention_table(comparison: Comparison) -> Table:
    """Return one row per model: what changing the swept group alone does to its embeddings."""
    by_model = comparison.interventions
    group = next(iter(by_model.values())).group
    sensitivity, retrieval = map(declared, ("sensitivity", "retrieval_under_intervention"))
    columns = ("model", sensitivity.title, retrieval.title, "by chance")
    rows = [
        (
            comparison.label(model),
            _score(sensitivity, interventions.sensitivity),
            _score(retrieval, interventions.retrieval_under_intervention),
            number(interventions.retrieval_expected, 3),
        )
        for model, interventions in by_model.items()
    ]
    reasons = {
        f"No sensitivity: {interventions.reason}."
        for interventions in by_model.values()
        if interventions.reason
    }
    note = (
        "Sensitivity: how far an embedding moves, over how far another car is; 0 is not at all. "
        f"Same car first: how often an image of the same car with another {group} is nearer than "
        f"one of another car with the same {group}."
    )
    title = f"Changing {group} alone (95 % interval)"
    return Table(title, columns, rows, " ".join([note, *sorted(reasons)]))


def correlation_table(comparison: Comparison) -> Table:
    """Return the correlations of models by models, similar ones next to each other."""
    saliency = comparison.saliency
    assert saliency is not None
    order = saliency.clustering.order
    rows = []
    for place, row in enumerate(order, start=1):
        cells = [
            f"({number(saliency.self_correlation[row].value, 3)})"
            if row == column
            else number(saliency.pair(row, column).correlation.mean, 3)
            for column in order
        ]
        rows.append((f"{place} {comparison.label(row)}", *cells))
    columns = ("model", *(str(place) for place in range(1, len(order) + 1)))
    note = "In brackets: a model with itself under other noise. Order: average linkage on 1 - r"
    merges = "; ".join(_merges(comparison))
    return Table(
        "Pearson r of saliency maps", columns, rows, f"{note}: {merges}." if merges else f"{note}."
    )


def pair_table(comparison: Comparison) -> Table:
    """Return one row per pair of models: the similarity of their maps."""
    columns = (
        "model A",
        "model B",
        "r",
        "95 % interval",
        "sd",
        "floor",
        "ceiling",
        "JSD",
        "sd JSD",
    )
    pairs = comparison.saliency.pairs if comparison.saliency else ()
    rows = [
        (comparison.label(pair.a), comparison.label(pair.b), *_pair_cells(pair)) for pair in pairs
    ]
    return Table("Saliency maps, Pearson r and Jensen-Shannon divergence", columns, rows)


def attention_table(comparison: Comparison) -> Table:
    """Return one row per model: attention on the car, and self-correlation of the maps."""
    columns = ("model", "attention on car", "95 % interval", "r under other noise", "95 % interval")
    saliency = comparison.saliency
    rows = []
    for model in saliency.models if saliency else ():
        assert saliency is not None
        on_car, itself = saliency.attention_on_car[model], saliency.self_correlation[model]
        rows.append(
            (
                comparison.label(model),
                number(on_car.value, 3),
                interval(on_car.ci95, 3),
                number(itself.value, 3),
                interval(itself.ci95, 3),
            )
        )
    return Table("Saliency maps of each model", columns, rows)


def _merges(comparison: Comparison) -> Iterator[str]:
    """Describe each merge, with models given by their places in the order."""
    assert comparison.saliency is not None
    clustering = comparison.saliency.clustering
    nodes = [{clustering.order.index(model) + 1} for model in clustering.models]
    for left, right, distance, _ in clustering.merges:
        parts = sorted((nodes[left], nodes[right]), key=min)
        yield f"{' + '.join(map(_places, parts))} at r = {number(1 - distance, 3)}"
        nodes.append(nodes[left] | nodes[right])


def _places(node: set[int]) -> str:
    """Return the places of a node in the order; its models are adjacent there."""
    return str(min(node)) if len(node) == 1 else f"{min(node)}-{max(node)}"


def _pairs(comparison: Comparison) -> int:
    return len(next(iter(comparison.differences.values()), ()))


def _difference(difference: Difference) -> str:
    if difference.value is None or difference.ci95 is None:
        return number(difference.value, MAIN.digits)
    shown = f"{number(difference.value, MAIN.digits)} [{interval(difference.ci95, MAIN.digits)}]"
    return f"{shown} tied" if difference.tied else shown


def _score(declaration: ScoreDeclaration, score: Score) -> str:
    if score.value is None:
        return NONE
    value = number(score.value, declaration.digits)
    shown = f"({value})" if score.is_chance else value
    return f"{shown} [{interval(score.ci95, declaration.digits)}]" if score.ci95 else shown


def _pair_cells(pair: Pair) -> tuple[str, ...]:
    return (
        number(pair.correlation.mean, 3),
        interval(pair.correlation.ci95, 3),
        number(pair.correlation.std, 3),
        _bound(pair.floor),
        _bound(pair.ceiling),
        number(pair.divergence.mean, 4),
        number(pair.divergence.std, 4),
    )


def _bound(bound: Bound) -> str:
    shown = number(bound.value, 3)
    return f"{shown} [{interval(bound.ci95, 3)}]" if bound.ci95 else shown
