"""Tables of a comparison."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Mapping
from typing import TypeVar

from dmlbench.comparison.comparison import Comparison, Pair
from dmlbench.comparison.differences import Difference
from dmlbench.comparison.representations import MEASURES, Similarity
from dmlbench.present.difference_sentences import how_models_differ
from dmlbench.present.geometry_tables import geometry_table
from dmlbench.present.group_tables import group_tables
from dmlbench.present.map_sentences import how_maps_agree
from dmlbench.present.numbers import number, telling_digits
from dmlbench.present.response_tables import response_tables
from dmlbench.present.result_tables import still_words
from dmlbench.present.table import Cell, Column, Estimate, Row, Table, interval_columns, names
from dmlbench.present.terminal_tables import print_table
from dmlbench.results.files import Faithfulness, Score
from dmlbench.scores.registry import MAIN, MAP_SCORES, declared, readings
from dmldata.common.output import say

NR_TITLE = f"{MAIN.title} (95 % interval); in parentheses: inside chance"
Content = TypeVar("Content")
MAX_PAIRS = 3
"""Pairs of models whose differences fit into the columns of a table."""


def comparison_tables(comparison: Comparison) -> Iterator[Table]:
    """Yield all tables that have content; in a sweep, those of the swept group come first."""
    if comparison.interventions:
        yield intervention_table(comparison)
        yield from response_tables(by_label(comparison, comparison.interventions))
    yield property_table(comparison)
    if 0 < _pairs(comparison) <= MAX_PAIRS:
        yield difference_table(comparison)
    if comparison.geometry:
        yield geometry_table(by_label(comparison, comparison.geometry))
    if comparison.representations:
        yield representation_table(comparison)
    if comparison.saliency is not None:
        if comparison.saliency.pairs:
            yield correlation_table(comparison)
            yield pair_table(comparison)
        yield attention_table(comparison)
        if comparison.saliency.faithfulness:
            yield faithfulness_table(comparison.saliency.faithfulness, comparison.label)
    if comparison.groups is not None:
        yield from group_tables(comparison.groups).values()


def by_label(comparison: Comparison, by_model: Mapping[str, Content]) -> dict[str, Content]:
    """Return what is by id of the model by its label."""
    return {comparison.label(model): content for model, content in by_model.items()}


def print_comparison(comparison: Comparison) -> None:
    """Print how the models differ, then all tables and notes."""
    for sentence in (*how_models_differ(comparison), *how_maps_agree(comparison)):
        say(sentence)
    for table in comparison_tables(comparison):
        print_table(table)
    for note in comparison.notes:
        say(f"note: {note}")


def property_table(comparison: Comparison) -> Table:
    """Return one row per property, one column per model; those that may be best are marked."""
    models = comparison.models
    rows: list[Row] = []
    for name in comparison.varied:
        by_model = comparison.properties[name]
        leaders = comparison.leaders(name)
        scores = {model: scored.scores[MAIN.key] for model, scored in by_model.items()}
        cells = (_score(scores[model.id], marked=model.id in leaders) for model in models)
        rows.append((name, *cells))
    notes = [tie_note(comparison) if len(models) > 1 else "", still_note(comparison)]
    columns = (Column(model.label, MAIN.digits) for model in models)
    return Table(NR_TITLE, (*names("property"), *columns), rows, " ".join(filter(None, notes)))


def still_note(comparison: Comparison) -> str:
    """Return which properties tables leave out; empty if there are none."""
    still = [name for name in comparison.properties if name not in comparison.varied]
    return still_words(still) if still else ""


def tie_note(comparison: Comparison) -> str:
    """Return the note on the marks in the table of properties; empty if nothing is marked."""
    known = any(comparison.leaders(name) for name in comparison.properties)
    return (
        "Marked, where the highest is beyond chance: the models that may be the best of a "
        "property, at 95 % over all pairs of models together (max-t, paired jackknife)."
        if known
        else ""
    )


def difference_table(comparison: Comparison) -> Table:
    """Return one row per property and one column per pair of models; many pairs become rows."""
    title = f"Differences of {MAIN.title} (95 % interval of each pair alone, paired)"
    by_property = {name: comparison.differences[name] for name in comparison.varied}
    first = next(iter(by_property.values()), ())
    pairs = [f"{comparison.label(pair.a)} - {comparison.label(pair.b)}" for pair in first]
    cells = [list(map(_difference, differences)) for differences in by_property.values()]
    rows: list[Row]
    if len(pairs) <= MAX_PAIRS:
        corner, titles = "property", pairs
        rows = [(name, *row) for name, row in zip(by_property, cells, strict=True)]
    else:
        corner, titles = "models", list(by_property)
        rows = [(pair, *row) for pair, row in zip(pairs, zip(*cells, strict=True), strict=True)]
    columns = (Column(title, MAIN.digits) for title in titles)
    return Table(title, (*names(corner), *columns), rows)


def intervention_table(comparison: Comparison) -> Table:
    """Return one row per model: what changing the swept group alone does to its embeddings."""
    by_model = comparison.interventions
    group = next(iter(by_model.values())).group
    scores = map(declared, ("sensitivity", "retrieval_under_intervention"))
    columns = (
        *names("model"),
        *(Column(score.title, score.digits) for score in scores),
        Column("by chance"),
    )
    rows = [
        (
            comparison.label(model),
            _score(interventions.sensitivity),
            _score(interventions.retrieval_under_intervention),
            interventions.retrieval_expected,
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


def representation_table(comparison: Comparison) -> Table:
    """Return how alike the embeddings of the models are: one row per pair of many models.

    Of few pairs, each measure has a row of its own.
    """
    pairs = comparison.representations
    labels = [(comparison.label(pair.a), comparison.label(pair.b)) for pair in pairs]
    cells = [[_similarity_cells(getattr(pair, measure)) for measure in MEASURES] for pair in pairs]
    columns: list[Column] = [*names("model A", "model B")]
    rows: list[Row]
    if len(pairs) <= MAX_PAIRS:
        columns += [*names("measure"), Column("similarity"), Column("floor", 2)]
        rows = [
            (*both, title, *measured)
            for both, of_pair in zip(labels, cells, strict=True)
            for title, measured in zip(MEASURES.values(), of_pair, strict=True)
        ]
    else:
        for title in MEASURES.values():
            columns += [Column(title), Column(f"floor of {title}", 2, short="floor")]
        rows = [
            (*both, *itertools.chain(*of_pair)) for both, of_pair in zip(labels, cells, strict=True)
        ]
    note = (
        f"Of {pairs[0].images} images; 1 is the same up to rotation. CKA: do directions of large "
        "variance agree? RSA: are the same images near and far? Procrustes: what is left after the "
        "best rotation? Floor: images of one model in random order."
    )
    return Table("Embeddings of the same images (95 % interval)", columns, rows, note)


def _similarity_cells(similarity: Similarity) -> tuple[Cell, Cell]:
    return Estimate(similarity.value, similarity.ci95), similarity.floor


def correlation_table(comparison: Comparison) -> Table:
    """Return the correlations of models by models, similar ones next to each other."""
    saliency = comparison.saliency
    assert saliency is not None
    order = saliency.clustering.order
    rows = []
    for place, row in enumerate(order, start=1):
        cells = [
            Estimate(saliency.reliability[row].value, bracketed=True)
            if row == column
            else saliency.pair(row, column).correlation.mean
            for column in order
        ]
        rows.append((f"{place} {comparison.label(row)}", *cells))
    columns = *names("model"), *(Column(str(place)) for place in range(1, len(order) + 1))
    note = "In parentheses: the reliability of a model's maps. Order: average linkage on 1 - r"
    merges = "; ".join(_merges(comparison))
    return Table(
        "Pearson r of saliency maps", columns, rows, f"{note}: {merges}." if merges else f"{note}."
    )


def pair_table(comparison: Comparison) -> Table:
    """Return one row per pair of models: the similarity of their maps."""
    columns = (
        *(*names("model A", "model B"), *interval_columns("r"), Column("sd", spare=1)),
        *(Column("floor"), Column("ceiling")),
        *(Column("JSD", 4, spare=2), Column("sd JSD", 4, spare=3)),
    )
    pairs = comparison.saliency.pairs if comparison.saliency else ()
    rows = [
        (comparison.label(pair.a), comparison.label(pair.b), *_pair_cells(pair)) for pair in pairs
    ]
    return Table("Saliency maps, Pearson r and Jensen-Shannon divergence", columns, rows)


def attention_table(comparison: Comparison) -> Table:
    """Return one row per model: attention on the car, and reliability of the maps."""
    columns = (
        *names("model"),
        *interval_columns("attention on car"),
        *interval_columns("reliability of maps"),
    )
    saliency = comparison.saliency
    rows = []
    for model in saliency.models if saliency else ():
        assert saliency is not None
        on_car, itself = saliency.attention_on_car[model], saliency.reliability[model]
        label = comparison.label(model)
        rows.append((label, on_car.value, on_car.ci95, itself.value, itself.ci95))
    return Table("Saliency maps of each model", columns, rows)


def faithfulness_table(checked: Mapping[str, Faithfulness], label: Callable[[str], str]) -> Table:
    """Return one row per model whose maps were checked: whether they show what it does.

    Args:
        label: returns the name of a model in the table.
    """
    means_by_model = {model: faithfulness.means for model, faithfulness in checked.items()}
    scores = tuple(
        score
        for score in MAP_SCORES
        if any(means[score.key].value is not None for means in means_by_model.values())
    )
    columns = (
        *names("model"),
        *(column for score in scores for column in interval_columns(score.title, score.digits)),
        Column("floor of randomization", spare=1),
    )
    rows = []
    for model, faithfulness in checked.items():
        means = (faithfulness.means[score.key] for score in scores)
        cells = [cell for mean in means for cell in (mean.value, mean.ci95)]
        floor = faithfulness.stages[-1].floor if faithfulness.stages else None
        rows.append((label(model), *cells, floor))
    reasons = dict.fromkeys(
        f"No {declared(key).title}: {mean.reason}."
        for means in means_by_model.values()
        for key, mean in means.items()
        if mean.value is None
    )
    images = "; ".join(
        dict.fromkeys(
            f"{faithfulness.request.images} images, of randomization "
            f"{faithfulness.request.randomized}"
            for faithfulness in checked.values()
        )
    )
    floor_note = "Floor: with the random network's maps of other images."
    note = " ".join((readings(scores), floor_note, *reasons, f"Measured on {images}."))
    return Table("Are the maps faithful? (95 % interval)", columns, rows, note)


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


def _difference(difference: Difference) -> Estimate:
    """Return a difference with digits at which neither it nor an end of its interval reads 0."""
    digits = telling_digits((difference.value, *(difference.ci95 or ())), 2)
    tied = bool(difference.tied)
    return Estimate(
        difference.value, difference.ci95, tied=tied, digits=digits if digits > 2 else None
    )


def _score(score: Score, *, marked: bool = False) -> Estimate:
    return Estimate(score.value, score.ci95, bracketed=score.is_chance, marked=marked)


def _pair_cells(pair: Pair) -> tuple[Cell, ...]:
    r, divergence = pair.correlation, pair.divergence
    bounds = (Estimate(bound.value, bound.ci95) for bound in (pair.floor, pair.ceiling))
    return r.mean, r.ci95, r.std, *bounds, divergence.mean, divergence.std
